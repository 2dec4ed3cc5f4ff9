/** The engine in a Web Worker: pages stay responsive while large images are sealed and opened. */

import { expose, transferHandlers } from "comlink";

import { errorHandler } from "./errors";
import { inPlace } from "./engine";

transferHandlers.set("throw", errorHandler);
expose(inPlace);
