// Package configs holds what ships with the program: the demo data of serve --dev and the example of every option.
package configs

import (
	"embed"
	"path/filepath"
)

// Demo is the seed file that serve --dev loads.
//
//go:embed demo.yaml
var Demo []byte

//go:embed *.svg
var pictures embed.FS

// ReadFile reads a picture that the demo data name, wherever the program runs.
func ReadFile(path string) ([]byte, error) { return pictures.ReadFile(filepath.Base(path)) }
