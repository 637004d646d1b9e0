package breached

import (
	"bufio"
	"crypto/sha1"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"path/filepath"
	"slices"
)

// parts is into how many files the keys are put before they are sorted, one file at a time: a list of 900 million needs
// 30 MB of memory then.
const parts = 256

// Writer makes a file of lists.
type Writer struct {
	path   string
	folder string
	files  [parts]*os.File
	to     [parts]*bufio.Writer
}

// Create begins a file. Close keeps or drops what was begun.
func Create(path string) (*Writer, error) {
	folder, err := os.MkdirTemp(filepath.Dir(path), ".portvakt-breached-")
	if err != nil {
		return nil, err
	}
	w := &Writer{path: path, folder: folder}
	for i := range w.files {
		if w.files[i], err = os.Create(filepath.Join(folder, fmt.Sprintf("%03d", i))); err != nil {
			return nil, errors.Join(err, w.drop())
		}
		w.to[i] = bufio.NewWriterSize(w.files[i], 16*1024)
	}
	return w, nil
}

// Read takes in a list: lines of SHA-1 in hexadecimal, alone or with a colon and how often the password was seen, as the
// public list has them, and lines that are passwords. Empty lines say nothing.
func (w *Writer) Read(list io.Reader) error {
	lines := bufio.NewScanner(list)
	lines.Buffer(make([]byte, 64*1024), 1024*1024)
	for lines.Scan() {
		line := lines.Bytes()
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) == 0 {
			continue
		}
		key := keyOf(line)
		if _, err := w.to[key[0]].Write(key[:]); err != nil {
			return err
		}
	}
	return lines.Err()
}

func keyOf(line []byte) (key [8]byte) {
	if len(line) == 2*sha1.Size || len(line) > 2*sha1.Size && line[2*sha1.Size] == ':' {
		if sum, err := hex.DecodeString(string(line[:2*sha1.Size])); err == nil {
			return [8]byte(sum)
		}
	}
	sum := sha1.Sum(line)
	return [8]byte(sum[:])
}

// Finish sorts and writes the file, which appears at once and whole, and answers how many passwords it holds.
func (w *Writer) Finish() (n uint64, err error) {
	defer func() { err = errors.Join(err, w.drop()) }()
	for i := range w.files {
		if err := w.to[i].Flush(); err != nil {
			return 0, err
		}
		keys, err := w.sorted(i)
		if err != nil {
			return 0, err
		}
		n += uint64(len(keys))
		if err := os.WriteFile(w.files[i].Name()+".sorted", raw(keys), 0o600); err != nil {
			return 0, err
		}
	}
	out, err := os.Create(filepath.Join(w.folder, "filter"))
	if err != nil {
		return 0, err
	}
	if err = errors.Join(w.write(out, n), out.Sync(), out.Close()); err != nil {
		return 0, err
	}
	return n, os.Rename(out.Name(), w.path)
}

// sorted is one part's keys, each once.
func (w *Writer) sorted(part int) ([]uint64, error) {
	data, err := os.ReadFile(w.files[part].Name())
	if err != nil {
		return nil, err
	}
	keys := make([]uint64, 0, len(data)/8)
	for ; len(data) >= 8; data = data[8:] {
		keys = append(keys, binary.BigEndian.Uint64(data))
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

func raw(keys []uint64) []byte {
	data := make([]byte, 0, len(keys)*8)
	for _, key := range keys {
		data = binary.BigEndian.AppendUint64(data, key)
	}
	return data
}

// write writes the places of the buckets and the entries side by side, each at its own place in the file.
func (w *Writer) write(out *os.File, n uint64) error {
	bucketBits := uint(bits.Len64(n / inBucket))
	start := int64(headerSize)
	places := bufio.NewWriterSize(io.NewOffsetWriter(out, start), 1<<16)
	entries := bufio.NewWriterSize(io.NewOffsetWriter(out, start+(1<<bucketBits+1)*8), 1<<16)
	header := binary.BigEndian.AppendUint64([]byte(magic), n)
	if _, err := out.WriteAt(binary.BigEndian.AppendUint64(header, uint64(bucketBits)), 0); err != nil {
		return err
	}
	var written, bucket uint64
	until := func(next uint64) {
		for ; bucket < next; bucket++ {
			_, _ = places.Write(binary.BigEndian.AppendUint64(nil, written)) // Flush tells what went wrong
		}
	}
	until(1)
	for i := range w.files {
		data, err := os.ReadFile(w.files[i].Name() + ".sorted")
		if err != nil {
			return err
		}
		for ; len(data) >= 8; data = data[8:] {
			b, entry := split(binary.BigEndian.Uint64(data), bucketBits)
			until(b + 1)
			_, _ = entries.Write([]byte{byte(entry >> 16), byte(entry >> 8), byte(entry)})
			written++
		}
	}
	until(1<<bucketBits + 1)
	return errors.Join(places.Flush(), entries.Flush())
}

// drop takes away what is only needed meanwhile.
func (w *Writer) drop() error {
	for _, f := range w.files {
		if f != nil {
			_ = f.Close()
		}
	}
	return os.RemoveAll(w.folder)
}

// Close drops what was begun and not finished.
func (w *Writer) Close() error { return w.drop() }
