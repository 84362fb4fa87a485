//go:build program

// Package program keeps what tools/test-clients builds in go.mod and go.sum; it is never built itself.
package program

import _ "k8s.io/kubernetes/cmd/kubectl"
