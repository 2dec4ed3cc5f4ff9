//go:build tools

// Package tools names the Kubo daemon that the interoperability tests talk to, so that go.mod and
// go.sum pin it and all it is built from.
package tools

import _ "github.com/ipfs/kubo/cmd/ipfs"
