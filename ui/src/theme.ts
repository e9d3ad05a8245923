/** One accent on Ant Design's tokens, in light and dark. */
import { type ThemeConfig, theme } from "antd";

/** The class that carries the tokens as CSS variables; `body` has it, so that dialogs see them too. */
const TOKEN_CLASS = "berth-tokens";
document.body.classList.add(TOKEN_CLASS);

const FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic", sans-serif';
const MONO =
  'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", Menlo, Consolas, monospace';

/** What the algorithms derive from one colour is too grey, or too pale to read as text. */
const LIGHT = {
  colorBgLayout: "#f3f5f7",
  colorPrimaryBg: "#e2eff7",
  colorSuccessText: "#2b7a0b",
  colorWarningText: "#8f5500",
  colorErrorText: "#c5221f",
  colorInfoText: "#0f5580",
};
const DARK = {
  colorBgBase: "#14171a",
  colorBgLayout: "#0f1214",
  colorPrimaryBg: "#143244",
  colorSuccessText: "#7bcf5b",
  colorWarningText: "#e0a23c",
  colorErrorText: "#f27a77",
  colorInfoText: "#6cb8e6",
};

export function berthTheme(dark: boolean, still: boolean): ThemeConfig {
  const accent = dark ? "#3d97cf" : "#15628f";
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    cssVar: { key: TOKEN_CLASS },
    hashed: false,
    token: {
      colorPrimary: accent,
      colorInfo: accent,
      colorLink: dark ? "#63b3e4" : accent,
      fontFamily: FONT,
      fontFamilyCode: MONO,
      fontSize: 13,
      borderRadius: 6,
      controlHeight: 30,
      motion: !still,
      ...(still
        ? {}
        : { motionDurationSlow: "0.16s", motionDurationMid: "0.12s", motionDurationFast: "0.08s" }),
      // Ant Design's own secondary text is below AA on the grey behind it.
      colorTextSecondary: dark ? "rgba(255,255,255,0.70)" : "rgba(0,0,0,0.68)",
      colorTextDescription: dark ? "rgba(255,255,255,0.65)" : "rgba(0,0,0,0.62)",
      colorTextPlaceholder: dark ? "rgba(255,255,255,0.48)" : "rgba(0,0,0,0.54)",
      ...(dark ? DARK : LIGHT),
    },
    components: {
      Modal: { titleFontSize: 15 },
      Alert: { fontSizeLG: 13, withDescriptionPadding: "9px 12px", withDescriptionIconSize: 16 },
    },
  };
}
