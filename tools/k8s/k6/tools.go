//go:build tools

// Package tools pins the command that is built from this module.
package tools

import _ "go.k6.io/k6"
