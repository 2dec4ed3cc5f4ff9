/** A fault of a page is shown, and does not take the whole app with it. */
import { Component, type ReactNode } from "react";

import { say } from "../i18n";
import { Button, Notice } from "./basics";

export class Catch extends Component<{ children: ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { error } = this.state;
    if (!error) return this.props.children;
    return (
      <div className="stack narrow">
        <Notice tone="bad" live title={say("This page has a fault")}>
          <p>{error.message}</p>
          <div className="buttons">
            <Button small onClick={() => location.assign("/")}>
              {say("Start again")}
            </Button>
          </div>
        </Notice>
      </div>
    );
  }
}
