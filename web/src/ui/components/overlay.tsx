/** Dialogs, whose code no first page needs. */
import { lazy, type ReactNode, Suspense } from "react";

const Loaded = lazy(() => import("./dialog"));

export interface DialogProps {
  open: boolean;
  onClose: () => void;
  title: string;
  wide?: boolean;
  children: ReactNode;
}

export function Dialog(props: DialogProps) {
  return (
    <Suspense fallback={null}>
      <Loaded {...props} />
    </Suspense>
  );
}
