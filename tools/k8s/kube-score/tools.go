//go:build tools

// Package tools pins the command that is built from this module: it is made for an older Kubernetes than the others.
package tools

import _ "github.com/zegl/kube-score/cmd/kube-score"
