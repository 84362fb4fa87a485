//go:build program

// Package program keeps what tools/test-clients builds in go.mod and go.sum; it is never built itself.
package program

import _ "helm.sh/helm/v3/cmd/helm"
