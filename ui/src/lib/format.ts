/** Numbers, sizes, times, images and resources as short text, in the language of the screen. */
import type { ResourceAmount } from "../bindings/ResourceAmount";

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes with a binary unit: three digits at most, e.g. `932 B`, `1.42 MiB`, `128 GiB`. */
export function formatBytes(bytes: number, locale: string): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  // 1023.7 KiB would be printed as "1,024 KiB".
  if (unit > 0 && unit < UNITS.length - 1 && Math.round(value) >= 1024) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value);
  return `${text} ${UNITS[unit]}`;
}

const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * 86_400],
  ["month", 30 * 86_400],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** How long ago, in one unit: `now`, `5 min. ago`, `3 days ago`. Times ahead (clock skew) count as now. */
export function formatAgo(iso: string, now: number, locale: string): string {
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  for (const [unit, size] of STEPS) {
    if (seconds >= size) return format.format(-Math.floor(seconds / size), unit);
  }
  return format.format(0, "second");
}

/** The exact time in the user's zone. */
export function formatExact(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" }).format(new Date(iso));
}

/** The time of day, for things of today. */
export function formatClock(iso: string, locale: string): string {
  return new Intl.DateTimeFormat(locale, { timeStyle: "medium" }).format(new Date(iso));
}

/** `name:tag` of a full image reference: without registry, project, architecture and digest. */
export function shortImage(image: string): string {
  const withoutDigest = image.split("@")[0] ?? image;
  return withoutDigest.split("/").pop() || image;
}

/** Accelerators by slot name; others are shown as the server names them. */
const ACCELERATORS: Readonly<Record<string, string>> = {
  "cuda.device": "GPU",
  "cuda.shares": "fGPU",
  "rocm.device": "ROCm GPU",
  "tpu.device": "TPU",
  "ipu.device": "IPU",
  "atom.device": "ATOM",
  "atom-plus.device": "ATOM+",
  "atom-max.device": "ATOM Max",
  "gaudi2.device": "Gaudi 2",
  "gaudi3.device": "Gaudi 3",
  "warboy.device": "Warboy",
  "rngd.device": "RNGD",
  "hyperaccel-lpu.device": "LPU",
  "tt-n300.device": "TT n300",
};

const ORDER: Readonly<Record<string, number>> = { cpu: 0, mem: 1 };

/** Occupied resources in a fixed order: CPU, memory, accelerators. Empty amounts are left out. */
export function resourceParts(resources: readonly ResourceAmount[], locale: string): string[] {
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  return [...resources]
    .filter(({ amount }) => Number(amount) !== 0)
    .sort((a, b) => (ORDER[a.slot] ?? 2) - (ORDER[b.slot] ?? 2) || a.slot.localeCompare(b.slot))
    .map(({ slot, amount }) => {
      const value = Number(amount);
      if (Number.isNaN(value)) return `${slot} ${amount}`;
      if (slot === "cpu") return `CPU ${number.format(value)}`;
      if (slot === "mem") return formatBytes(value, locale);
      return `${number.format(value)} ${ACCELERATORS[slot] ?? slot.replace(/\.device$/, "")}`;
    });
}

/** `host[:port]` of a server address, as shown in the top bar. */
export function addressHost(address: string): string {
  try {
    return new URL(address).host;
  } catch {
    return address;
  }
}
