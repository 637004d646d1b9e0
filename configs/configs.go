// Package configs holds what ships with the program: the demo data of serve --dev and the example of every option.
package configs

import _ "embed"

// Demo is the seed file that serve --dev loads.
//
//go:embed demo.yaml
var Demo []byte
