package web

import (
	"fmt"
	"strings"

	"rsc.io/qr"
)

// QR is a QR code as the one path of an SVG image, which needs neither a script nor another request.
type QR struct {
	Size int    // of one side, the quiet zone around it included
	Path string // its dark modules
}

const quietZone = 4 // modules (ISO/IEC 18004 §9.1)

// NewQR draws a text.
func NewQR(text string) (QR, error) {
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		return QR{}, err
	}
	var path strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
				x += run
			}
		}
	}
	return QR{Size: code.Size + 2*quietZone, Path: path.String()}, nil
}
