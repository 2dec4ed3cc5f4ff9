#!/bin/sh
# Whether the browser that the web tests drive is here: CHROMIUM, or the Debian package.
[ -x "${CHROMIUM:-/usr/bin/chromium}" ]
