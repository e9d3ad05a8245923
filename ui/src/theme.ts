/** One accent on Ant Design's tokens, in light and dark. */
import { type ThemeConfig, theme } from "antd";

/** The class that carries the tokens as CSS variables; `body` has it, so that dialogs see them too. */
const TOKEN_CLASS = "berth-tokens";
document.body.classList.add(TOKEN_CLASS);

const FONT =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic", sans-serif';
const MONO =
  'ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "Noto Sans Mono CJK KR", Menlo, Consolas, monospace';

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
      motionDurationSlow: "0.16s",
      motionDurationMid: "0.12s",
      motionDurationFast: "0.08s",
      // Ant Design's own secondary text is below AA on the grey behind it.
      colorTextSecondary: dark ? "rgba(255,255,255,0.70)" : "rgba(0,0,0,0.68)",
      colorTextDescription: dark ? "rgba(255,255,255,0.65)" : "rgba(0,0,0,0.62)",
      colorTextPlaceholder: dark ? "rgba(255,255,255,0.48)" : "rgba(0,0,0,0.54)",
      ...(dark ? { colorBgBase: "#14171a", colorBgLayout: "#0f1214" } : { colorBgLayout: "#f3f5f7" }),
    },
    components: {
      Table: { cellPaddingBlockSM: 6, cellPaddingInlineSM: 10, headerBorderRadius: 0 },
      Modal: { titleFontSize: 15 },
    },
  };
}
