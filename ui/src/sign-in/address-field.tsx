/** The server's address, with the clusters used before. */
import { AutoComplete, Button, type GetRef, Input } from "antd";

import { X } from "lucide-react";
import { type Ref, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Profile } from "../bindings/Profile";

export type AutoCompleteRef = GetRef<typeof AutoComplete>;

export function AddressField({
  id,
  ref,
  value,
  profiles,
  invalid,
  disabled,
  onChange,
  onPick,
  onForget,
  onLeave,
}: {
  id: string;
  ref: Ref<AutoCompleteRef>;
  value: string;
  profiles: readonly Profile[];
  invalid: boolean;
  disabled: boolean;
  onChange: (address: string) => void;
  onPick: (profile: Profile) => void;
  onForget: (profile: Profile) => void;
  onLeave: () => void;
}) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(false);
  const options = profiles.map((profile) => ({
    value: profile.id,
    label: (
      <span className="profile-option">
        <span className="profile-text">
          <span>{profile.address}</span>
          <span className="quiet">{profile.user}</span>
        </span>
        <Button
          type="text"
          size="small"
          icon={<X size={14} />}
          aria-label={t("signIn.forget", { address: profile.address })}
          onMouseDown={(event) => event.preventDefault()}
          onClick={(event) => {
            event.stopPropagation();
            onForget(profile);
          }}
        />
      </span>
    ),
  }));
  // All clusters until something is typed, then those that match; none when one has been typed out,
  // so that the list does not cover the fields below.
  const offered = (text: string, profile: Profile | undefined) => {
    if (!typed) return true;
    if (profile === undefined || profile.address === text) return false;
    return `${profile.address} ${profile.user}`.toLowerCase().includes(text.toLowerCase());
  };

  return (
    <AutoComplete
      ref={ref}
      className="wide"
      value={value}
      options={options}
      disabled={disabled}
      defaultActiveFirstOption={false}
      showSearch={{
        filterOption: (text, option) =>
          offered(
            text,
            profiles.find((p) => p.id === option?.value),
          ),
      }}
      onFocus={() => setTyped(false)}
      onChange={(next) => {
        // Picking an option reports its id first; `onSelect` has the profile.
        if (profiles.some((p) => p.id === next)) return;
        setTyped(true);
        onChange(next);
      }}
      onSelect={(picked) => {
        const profile = profiles.find((p) => p.id === picked);
        if (profile !== undefined) onPick(profile);
      }}
      onBlur={onLeave}
    >
      <Input
        id={id}
        name="address"
        placeholder="https://"
        inputMode="url"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        status={invalid ? "error" : ""}
        aria-describedby={`${id}-note`}
        aria-invalid={invalid}
        data-testid="signin-address"
      />
    </AutoComplete>
  );
}
