//go:build tools

// Package tools pins the programs of the test cluster.
package tools

import (
	_ "github.com/fsouza/fake-gcs-server"
)
