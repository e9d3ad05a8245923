/**
 * A dense table with sortable columns and rows that the arrow keys walk. Plain HTML: Ant Design's
 * table measures scroll bars with a style that a strict CSP refuses, and weighs more than all else here.
 */
import { Button } from "antd";
import { ArrowDown, ArrowUp, ChevronsUpDown } from "lucide-react";
import { type KeyboardEvent, type ReactNode, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

export interface Column<Row> {
  key: string;
  title: string;
  /** Width in pixels; one column without it takes the rest. */
  width?: number;
  compare?: (a: Row, b: Row) => number;
  render: (row: Row) => ReactNode;
}

interface Sorting {
  key: string;
  descending: boolean;
}

/** Rows drawn at first and with each "Show more". */
const CHUNK = 200;

export function DataTable<Row>({
  label,
  columns,
  rows,
  rowKey,
  rowTestId,
  onOpen,
  testId,
}: {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  rowKey: (row: Row) => string;
  rowTestId: (row: Row) => string;
  /** Enter or a double click on a row. */
  onOpen: (row: Row) => void;
  testId: string;
}) {
  const { t } = useTranslation();
  const [sorting, setSorting] = useState<Sorting | null>(null);
  const [focused, setFocused] = useState<string | null>(null);
  const [drawn, setDrawn] = useState(CHUNK);

  const sorted = useMemo(() => {
    const compare = columns.find((c) => c.key === sorting?.key)?.compare;
    if (sorting === null || compare === undefined) return rows;
    const sign = sorting.descending ? -1 : 1;
    return [...rows].sort((a, b) => sign * compare(a, b));
  }, [rows, columns, sorting]);
  const visible = sorted.slice(0, drawn);
  // One row is in the tab order: the one last used, or the first.
  const entry = visible.find((row) => rowKey(row) === focused) ?? visible[0];

  function sortBy(key: string) {
    setSorting((before) => {
      if (before?.key !== key) return { key, descending: false };
      return before.descending ? null : { key, descending: true };
    });
  }

  function onKeyDown(event: KeyboardEvent<HTMLTableRowElement>, row: Row) {
    const tr = event.currentTarget;
    if (event.target !== tr) return;
    const to = {
      ArrowDown: tr.nextElementSibling,
      ArrowUp: tr.previousElementSibling,
      Home: tr.parentElement?.firstElementChild,
      End: tr.parentElement?.lastElementChild,
    }[event.key];
    if (to instanceof HTMLElement) {
      event.preventDefault();
      to.focus();
    } else if (event.key === "Enter") {
      event.preventDefault();
      onOpen(row);
    }
  }

  return (
    <>
      <table className="table" aria-label={label} data-testid={testId}>
        <colgroup>
          {columns.map(({ key, width }) => (
            <col key={key} width={width} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <Heading key={column.key} column={column} sorting={sorting} onSort={() => sortBy(column.key)} />
            ))}
          </tr>
        </thead>
        <tbody>
          {visible.map((row) => (
            <tr
              key={rowKey(row)}
              tabIndex={row === entry ? 0 : -1}
              onFocus={() => setFocused(rowKey(row))}
              onKeyDown={(event) => onKeyDown(event, row)}
              onDoubleClick={() => onOpen(row)}
              data-testid={rowTestId(row)}
            >
              {columns.map(({ key, render }) => (
                <td key={key}>{render(row)}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {sorted.length > drawn ? (
        <div className="table-more">
          <Button type="link" onClick={() => setDrawn(drawn + CHUNK)}>
            {t("table.more", { count: sorted.length - drawn })}
          </Button>
        </div>
      ) : null}
    </>
  );
}

function Heading<Row>({
  column,
  sorting,
  onSort,
}: {
  column: Column<Row>;
  sorting: Sorting | null;
  onSort: () => void;
}) {
  const active = sorting?.key === column.key ? sorting : null;
  const order = active === null ? "none" : active.descending ? "descending" : "ascending";
  const Arrow = active === null ? ChevronsUpDown : active.descending ? ArrowDown : ArrowUp;
  return (
    <th scope="col" aria-sort={column.compare === undefined ? undefined : order}>
      {column.compare === undefined ? (
        column.title
      ) : (
        <button type="button" className="sort" onClick={onSort}>
          {column.title}
          <Arrow size={12} aria-hidden />
        </button>
      )}
    </th>
  );
}
