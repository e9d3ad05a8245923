/** Berth's mark. */
import mark from "../../../icons/berth.svg";

export function Mark({ size }: { size: number }) {
  return <img src={mark} width={size} height={size} alt="" draggable={false} />;
}
