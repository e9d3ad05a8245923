/**
 * Signing in, and signing in again: the same form, the second time with address and user fixed.
 * Refusals appear in place with the field they are about in focus; the server may ask for a
 * one-time password or offer to push out an older login.
 */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Alert, Button, Checkbox, Input, type InputRef, Segmented } from "antd";
import { ChevronDown, ChevronRight, CircleCheck, TriangleAlert } from "lucide-react";
import { createRef, type FormEvent, useCallback, useEffect, useId, useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import type { Failure } from "../backend/backend";
import { useBackend } from "../backend/context";
import type { AccessMode } from "../bindings/AccessMode";
import type { Account } from "../bindings/Account";
import type { Profile } from "../bindings/Profile";
import type { SecretPlace } from "../bindings/SecretPlace";
import type { ServerInfo } from "../bindings/ServerInfo";
import type { SignInRequest } from "../bindings/SignInRequest";
import type { TlsChoice } from "../bindings/TlsChoice";
import { FailureAlert } from "../components/failure-alert";
import { describeFailure, fieldOf, type SignInField } from "../lib/failures";
import { keys, signedIn } from "../state/live";
import { AddressField, type AutoCompleteRef } from "./address-field";
import { Field } from "./field";
import { NewPasswordForm } from "./new-password-form";
import { TlsFields } from "./tls-fields";
import { type Probe, useProbe } from "./use-probe";

export interface SignInStart {
  address: string;
  mode: AccessMode;
  user: string;
  tls: TlsChoice;
}

const NO_TLS: TlsChoice = { caFile: null, acceptInvalidCertificates: false };
export const BLANK: SignInStart = { address: "", mode: "session", user: "", tls: NO_TLS };

type Missing = Partial<Record<SignInField, boolean>>;

export function SignInForm({
  start,
  fixed = false,
  profiles,
  secretPlace,
  rememberAtFirst,
  onSignedIn,
}: {
  start: SignInStart;
  /** Address, mode and user cannot be changed: the login of `start` is renewed. */
  fixed?: boolean;
  profiles: readonly Profile[];
  secretPlace: SecretPlace;
  rememberAtFirst: boolean;
  onSignedIn?: (account: Account) => void;
}) {
  const { t } = useTranslation();
  const backend = useBackend();
  const client = useQueryClient();
  const id = useId();
  const [address, setAddress] = useState(start.address);
  const [mode, setMode] = useState(start.mode);
  const [user, setUser] = useState(start.user);
  const [secret, setSecret] = useState("");
  const [otp, setOtp] = useState("");
  const [otpAsked, setOtpAsked] = useState(false);
  const [remember, setRemember] = useState(rememberAtFirst && secretPlace !== "memory");
  const [tls, setTls] = useState(start.tls);
  const [advanced, setAdvanced] = useState(start.tls.caFile !== null || start.tls.acceptInvalidCertificates);
  const [picked, setPicked] = useState(0);
  const [missing, setMissing] = useState<Missing>({});
  const [inputs] = useState(() => ({
    address: createRef<AutoCompleteRef>(),
    user: createRef<InputRef>(),
    secret: createRef<InputRef>(),
    otp: createRef<InputRef>(),
  }));
  // The mode follows the server until the user has chosen one for this address.
  const modeChosen = useRef(false);
  const onFound = useCallback((server: ServerInfo) => {
    if (!modeChosen.current) setMode(server.mode);
  }, []);
  const { probe, ask, reset } = useProbe(onFound);

  const request: SignInRequest = {
    address: address.trim(),
    mode,
    user: user.trim(),
    secret,
    otp: otpAsked ? otp.trim() : null,
    force: false,
    remember,
    tls,
  };
  const signIn = useMutation<Account | "otp", Failure, Partial<SignInRequest>>({
    mutationFn: async (more) => {
      const outcome = await backend.signIn({ ...request, ...more });
      return outcome.kind === "otpRequired" ? "otp" : outcome.account;
    },
    onSuccess: (result) => {
      if (result === "otp") {
        setOtp("");
        setOtpAsked(true);
        return;
      }
      signedIn(client, result);
      onSignedIn?.(result);
    },
  });

  // A cluster used before is asked at once: it may have changed, or be out of reach.
  useEffect(() => {
    if (!fixed && start.address !== "") void ask(start.address, start.tls);
  }, [fixed, start, ask]);

  const failed = signIn.error === null ? null : fieldOf(signIn.error);
  const focusOn = useCallback(
    (field: SignInField) => inputs[field].current?.focus({ cursor: "all" }),
    [inputs],
  );
  useEffect(() => {
    if (signIn.error === null) return;
    if (signIn.error.code === "tls") setAdvanced(true);
    const field = fieldOf(signIn.error);
    if (field !== null) focusOn(field);
  }, [signIn.error, focusOn]);
  useEffect(() => {
    if (otpAsked) focusOn("otp");
  }, [otpAsked, focusOn]);

  // Not in `pick` itself: leaving the address field then would ask about the address before.
  useEffect(() => {
    if (picked > 0) focusOn("secret");
  }, [picked, focusOn]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (signIn.isPending) return;
    const absent: Missing = otpAsked
      ? { otp: otp.trim() === "" }
      : { address: address.trim() === "", user: user.trim() === "", secret: secret === "" };
    setMissing(absent);
    const first = (["address", "user", "secret", "otp"] as const).find((field) => absent[field]);
    if (first === undefined) signIn.mutate({});
    else focusOn(first);
  }

  function edited(field: SignInField) {
    setMissing((before) => ({ ...before, [field]: false }));
    if (failed === field) signIn.reset();
  }

  function pick(profile: Profile) {
    setAddress(profile.address);
    setMode(profile.mode);
    setUser(profile.user);
    setTls(profile.tls);
    setAdvanced(profile.tls.caFile !== null || profile.tls.acceptInvalidCertificates);
    modeChosen.current = false;
    edited("address");
    void ask(profile.address, profile.tls);
    setPicked((times) => times + 1);
  }

  const forget = useMutation({
    mutationFn: (profile: Profile) => backend.forgetProfile(profile.id),
    onSuccess: (_, gone) => {
      client.setQueryData<Profile[]>(keys.profiles, (all) => all?.filter((p) => p.id !== gone.id));
    },
  });

  const required = (field: SignInField) => (missing[field] ? t(`signIn.missing.${field}`) : undefined);
  const invalid = (field: SignInField) => missing[field] === true || failed === field;
  const error =
    signIn.error === null ? null : (
      <FailureAlert
        failure={signIn.error}
        testId="signin-error"
        action={
          signIn.error.code === "too-many-logins" ? (
            <Button size="small" data-testid="signin-force" onClick={() => signIn.mutate({ force: true })}>
              {t("signIn.force")}
            </Button>
          ) : undefined
        }
      />
    );
  const button = (
    <Button type="primary" htmlType="submit" block loading={signIn.isPending} data-testid="signin-submit">
      {t("signIn.submit")}
    </Button>
  );

  if (signIn.error?.code === "password-expired") {
    return (
      <NewPasswordForm
        expired={signIn.error}
        request={request}
        onChanged={(password) => {
          setSecret(password);
          signIn.mutate({ secret: password });
        }}
        onBack={() => signIn.reset()}
      />
    );
  }
  if (otpAsked) {
    return (
      <form className="signin-form" onSubmit={submit} noValidate>
        <p className="signin-who">
          {user} · {address}
        </p>
        <Field id={`${id}-otp`} label={t("signIn.otp")} error={required("otp")} help={t("signIn.otpHelp")}>
          <Input
            ref={inputs.otp}
            id={`${id}-otp`}
            className="otp tabular"
            value={otp}
            onChange={(event) => {
              setOtp(event.target.value.replace(/\s/g, ""));
              edited("otp");
            }}
            inputMode="numeric"
            autoComplete="one-time-code"
            maxLength={6}
            status={invalid("otp") ? "error" : ""}
            aria-describedby={`${id}-otp-note`}
            data-testid="signin-otp"
          />
        </Field>
        {error}
        {button}
        <Button
          type="text"
          block
          onClick={() => {
            setOtpAsked(false);
            signIn.reset();
          }}
        >
          {t("common.back")}
        </Button>
      </form>
    );
  }

  const api = mode === "api";
  return (
    <form className="signin-form" onSubmit={submit} noValidate>
      {fixed ? (
        <dl className="signin-fixed">
          <dt>{t("signIn.address")}</dt>
          <dd data-testid="signin-address">{address}</dd>
          <dt>{api ? t("signIn.accessKey") : t("signIn.email")}</dt>
          <dd data-testid="signin-user">{user}</dd>
        </dl>
      ) : (
        <>
          <Field id={`${id}-address`} label={t("signIn.address")} error={required("address")}>
            <AddressField
              id={`${id}-address`}
              ref={inputs.address}
              value={address}
              profiles={profiles}
              invalid={invalid("address")}
              disabled={signIn.isPending}
              onChange={(next) => {
                setAddress(next);
                modeChosen.current = false;
                edited("address");
                reset();
              }}
              onPick={pick}
              onForget={(profile) => forget.mutate(profile)}
              onLeave={() => void ask(address.trim(), tls)}
            />
            <ServerEvidence probe={probe} mode={mode} hideFailure={signIn.error !== null} />
          </Field>
          <Segmented<AccessMode>
            block
            value={mode}
            aria-label={t("signIn.mode")}
            disabled={signIn.isPending}
            onChange={(next) => {
              modeChosen.current = true;
              setMode(next);
            }}
            options={[
              {
                value: "session",
                label: <span data-testid="signin-mode-session">{t("signIn.modeSession")}</span>,
              },
              { value: "api", label: <span data-testid="signin-mode-api">{t("signIn.modeApi")}</span> },
            ]}
          />
          <Field
            id={`${id}-user`}
            label={api ? t("signIn.accessKey") : t("signIn.email")}
            error={required("user")}
          >
            <Input
              ref={inputs.user}
              id={`${id}-user`}
              name="user"
              value={user}
              onChange={(event) => {
                setUser(event.target.value);
                edited("user");
              }}
              autoComplete="username"
              autoCapitalize="off"
              spellCheck={false}
              disabled={signIn.isPending}
              status={invalid("user") ? "error" : ""}
              aria-describedby={`${id}-user-note`}
              data-testid="signin-user"
            />
          </Field>
        </>
      )}
      <Field
        id={`${id}-secret`}
        label={api ? t("signIn.secretKey") : t("signIn.password")}
        error={required("secret")}
      >
        <Input.Password
          ref={inputs.secret}
          id={`${id}-secret`}
          name="secret"
          value={secret}
          onChange={(event) => {
            setSecret(event.target.value);
            edited("secret");
          }}
          autoComplete="current-password"
          autoFocus={!fixed && start.user !== ""}
          data-autofocus={fixed ? true : undefined}
          disabled={signIn.isPending}
          status={invalid("secret") ? "error" : ""}
          aria-describedby={`${id}-secret-note`}
          data-testid="signin-secret"
        />
      </Field>
      <div>
        <Checkbox
          checked={remember}
          disabled={secretPlace === "memory"}
          onChange={(event) => setRemember(event.target.checked)}
          data-testid="signin-remember"
        >
          {t("signIn.remember")}
        </Checkbox>
        <div className={secretPlace === "file" ? "field-help warn" : "field-help"}>
          {secretPlace === "file" ? <TriangleAlert size={13} aria-hidden /> : null}
          {t(`signIn.rememberWhere.${secretPlace}`)}
        </div>
      </div>
      {fixed ? null : (
        <div className="advanced">
          <Button
            type="text"
            size="small"
            icon={advanced ? <ChevronDown size={14} /> : <ChevronRight size={14} />}
            aria-expanded={advanced}
            onClick={() => setAdvanced(!advanced)}
            data-testid="signin-advanced"
          >
            {t("signIn.advanced")}
          </Button>
          {advanced ? (
            <TlsFields
              tls={tls}
              onChange={(next, done) => {
                setTls(next);
                if (done) void ask(address.trim(), next);
              }}
            />
          ) : null}
        </div>
      )}
      {error}
      {button}
    </form>
  );
}

/** What the address turned out to be. */
function ServerEvidence({
  probe,
  mode,
  hideFailure,
}: {
  probe: Probe;
  mode: AccessMode;
  hideFailure: boolean;
}) {
  const { t } = useTranslation();
  if (probe.kind === "idle") return null;
  if (probe.kind === "asking") {
    return (
      <div className="field-help" role="status">
        {t("signIn.asking")}
      </div>
    );
  }
  if (probe.kind === "failed") {
    if (hideFailure) return null;
    const { message, hint } = describeFailure(t, probe.failure);
    return (
      <div className="field-error" role="alert" data-testid="signin-server" data-code={probe.failure.code}>
        {message} {hint}
      </div>
    );
  }
  const { server } = probe;
  return (
    <>
      <div className="field-help evidence" role="status" data-testid="signin-server">
        <CircleCheck size={13} aria-hidden />
        {t(`signIn.found.${server.mode}`, { version: server.managerVersion })}
      </div>
      {server.compatibility === "supported" ? null : (
        <Note>{t(`compatibility.${server.compatibility}`, { version: server.managerVersion })}</Note>
      )}
      {server.mode === mode ? null : <Note>{t(`signIn.otherMode.${server.mode}`)}</Note>}
      {server.private ? null : <Note>{t("signIn.notPrivate")}</Note>}
    </>
  );
}

function Note({ children }: { children: string }) {
  return <Alert type="warning" showIcon title={children} className="note" />;
}
