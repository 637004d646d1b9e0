package brand

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"portvakt/internal/fault"
)

// Media is the kind of a picture.
type Media string

// The kinds of pictures that are taken.
const (
	PNG  Media = "image/png"
	JPEG Media = "image/jpeg"
	SVG  Media = "image/svg+xml"
)

// The limits of a logo.
const (
	MaxBytes  = 200 * 1024 // as it comes
	MaxPixels = 2000       // in each direction
	maxStored = 2 * MaxBytes
)

// Logo is a picture that may be served. Only ReadLogo makes one; the zero Logo is none.
type Logo struct {
	media Media
	data  []byte
}

// Media is the picture's kind.
func (l Logo) Media() Media { return l.media }

// Data is what is served. Nobody changes it.
func (l Logo) Data() []byte { return l.data }

// None reports whether there is no picture.
func (l Logo) None() bool { return len(l.data) == 0 }

// MediaOf is the kind that a file's name promises, "" for none that is taken.
func MediaOf(extension string) Media {
	switch extension {
	case ".png":
		return PNG
	case ".jpg", ".jpeg":
		return JPEG
	case ".svg":
		return SVG
	}
	return ""
}

// Faults of pictures.
var (
	ErrLogoSize   = fault.New(fault.Invalid, "logo_too_large", "A logo is at most 200 KB and 2000 by 2000 pixels").On("logo")
	ErrLogoMedia  = fault.New(fault.Invalid, "bad_logo_type", "A logo is a PNG, JPEG or SVG file").On("logo")
	ErrLogoBroken = fault.New(fault.Invalid, "bad_logo", "The logo cannot be read; save it again as PNG or JPEG").On("logo")
)

// ReadLogo takes a picture of the declared kind and answers it written anew: the pixels, or the shapes, and nothing else
// that the file held.
func ReadLogo(declared Media, data []byte) (Logo, error) {
	if len(data) > MaxBytes {
		return Logo{}, ErrLogoSize
	}
	real := sniff(data)
	if declared == "" || real == "" {
		return Logo{}, ErrLogoMedia
	}
	if real != declared {
		return Logo{}, fault.Newf(fault.Invalid, "logo_type_differs", "The logo is said to be %s and is %s; name the file by what it is", string(declared), string(real)).On("logo")
	}
	write := sanitize
	if pixels, ok := codecs[real]; ok {
		write = pixels.again
	}
	clean, err := write(data)
	if err != nil {
		return Logo{}, err
	}
	if len(clean) > maxStored {
		return Logo{}, ErrLogoSize
	}
	return Logo{real, clean}, nil
}

// sniff is the kind by the first bytes, "" for none that is taken.
func sniff(data []byte) Media {
	switch {
	case bytes.HasPrefix(data, []byte("\x89PNG\r\n\x1a\n")):
		return PNG
	case bytes.HasPrefix(data, []byte("\xff\xd8\xff")):
		return JPEG
	case bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(data, []byte("\ufeff")), " \t\r\n"), []byte("<")):
		return SVG
	}
	return ""
}

// codec reads and writes one kind of pixels.
type codec struct {
	size  func(io.Reader) (image.Config, error)
	read  func(io.Reader) (image.Image, error)
	write func(io.Writer, image.Image) error
}

var codecs = map[Media]codec{
	PNG:  {png.DecodeConfig, png.Decode, (&png.Encoder{CompressionLevel: png.BestCompression}).Encode},
	JPEG: {jpeg.DecodeConfig, jpeg.Decode, func(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, &jpeg.Options{Quality: 92}) }},
}

// again decodes pixels and encodes them anew, so that nothing of the file but them is kept. How many there are is asked
// before they are decoded: a small file can promise gigabytes.
func (c codec) again(data []byte) ([]byte, error) {
	size, err := c.size(bytes.NewReader(data))
	if err != nil {
		return nil, ErrLogoBroken.Because(err)
	}
	if size.Width > MaxPixels || size.Height > MaxPixels {
		return nil, ErrLogoSize
	}
	m, err := c.read(bytes.NewReader(data))
	if err != nil {
		return nil, ErrLogoBroken.Because(err)
	}
	var b bytes.Buffer
	if err := c.write(&b, m); err != nil {
		return nil, ErrLogoBroken.Because(err)
	}
	return b.Bytes(), nil
}

// Hash is the SHA-256 of the picture's bytes; nil where there is none.
func (l Logo) Hash() []byte {
	if l.None() {
		return nil
	}
	sum := sha256.Sum256(l.data)
	return sum[:]
}

// Tag is what of a hash stands in an address.
func Tag(hash []byte) string { return base64.RawURLEncoding.EncodeToString(hash[:min(12, len(hash))]) }
