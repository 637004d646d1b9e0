package importer

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"portvakt/internal/directory"
	"portvakt/internal/fault"
)

// Mistake is what is wrong with a file as a whole; nothing of it is taken.
type Mistake struct {
	Line int // 0: the file
	Text string
}

// Error names the line.
func (m *Mistake) Error() string {
	if m.Line == 0 {
		return m.Text
	}
	return fmt.Sprintf("line %d: %s", m.Line, m.Text)
}

// entry is one line of a file; refusal where one of its values cannot be read.
type entry struct {
	directory.ImportLine
	hash    string // of a password, as it is stored; "" where the line brings none along
	refusal *fault.Fault
}

// reader reads entries until io.EOF; any other error is a *Mistake or trouble of the file system.
type reader interface{ next() (entry, error) }

// longestLine bounds what one line may hold.
const longestLine = 1 << 20

// open reads the file's beginning. What the name ends with says which of the two forms it has.
func open(name string, from io.Reader) (reader, error) {
	b, err := begin(from)
	if err != nil {
		return nil, err
	}
	switch name = strings.ToLower(name); {
	case strings.HasSuffix(name, ".jsonl"), strings.HasSuffix(name, ".ndjson"):
		return &jsonReader{from: b}, nil
	case strings.HasSuffix(name, ".csv"):
		return openCSV(b)
	}
	return nil, &Mistake{0, "the file's name ends with .csv, or with .jsonl for JSON Lines"}
}

// begin takes the mark off the file's beginning, and refuses what is not UTF-8 by its mark.
func begin(from io.Reader) (*bufio.Reader, error) {
	b := bufio.NewReaderSize(from, 64<<10)
	start, _ := b.Peek(3)
	if bytes.HasPrefix(start, []byte("\xff\xfe")) || bytes.HasPrefix(start, []byte("\xfe\xff")) {
		return nil, &Mistake{1, "the file is UTF-16; save it as UTF-8 (in Excel: CSV UTF-8)"}
	}
	if bytes.HasPrefix(start, []byte("\xef\xbb\xbf")) {
		_, _ = b.Discard(3)
	}
	return b, nil
}

// Rows reads a CSV file as spreadsheets write it: with a mark at its beginning or none, and with semicolons where there are
// more of them than commas in the first line.
func Rows(from io.Reader) (*csv.Reader, error) {
	b, err := begin(from)
	if err != nil {
		return nil, err
	}
	return rows(b), nil
}

func rows(b *bufio.Reader) *csv.Reader {
	head, _ := b.Peek(32 << 10)
	head, _, _ = bytes.Cut(head, []byte("\n"))
	r := csv.NewReader(b)
	r.FieldsPerRecord = -1
	if bytes.Count(head, []byte(";")) > bytes.Count(head, []byte(",")) {
		r.Comma = ';'
	}
	return r
}

func notUTF8(line int) error {
	return &Mistake{line, "this is not UTF-8; the file may be Windows-1252. Save it as UTF-8 (in Excel: CSV UTF-8)"}
}

type csvReader struct {
	from  *csv.Reader
	names []string
}

// openCSV reads the header; what separates its names separates all values.
func openCSV(b *bufio.Reader) (reader, error) {
	r := rows(b)
	r.ReuseRecord = true
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, &Mistake{0, "the file is empty; its first line names the columns"}
	}
	if err != nil {
		return nil, csvMistake(err)
	}
	c := &csvReader{from: r}
	for _, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		switch {
		case !utf8.ValidString(name):
			return nil, notUTF8(1)
		case columns[name] == nil:
			return nil, &Mistake{1, fmt.Sprintf("there is no column %q; the columns are %s", name, strings.Join(Columns(), ", "))}
		case slices.Contains(c.names, name):
			return nil, &Mistake{1, fmt.Sprintf("column %q stands here twice", name)}
		}
		c.names = append(c.names, name)
	}
	return c, nil
}

func csvMistake(err error) error {
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		return &Mistake{p.StartLine, "the quotes of this line do not match: " + p.Err.Error()}
	}
	return err
}

func (c *csvReader) next() (entry, error) {
	for {
		values, err := c.from.Read()
		if errors.Is(err, io.EOF) {
			return entry{}, io.EOF
		}
		if err != nil {
			return entry{}, csvMistake(err)
		}
		line, _ := c.from.FieldPos(0)
		if !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" }) {
			continue // as spreadsheets leave them at the end
		}
		e := entry{ImportLine: directory.ImportLine{Line: line}}
		if len(values) != len(c.names) {
			e.refusal = fault.Newf(fault.Invalid, "bad_line", "The line has %d values, the header %d", len(values), len(c.names))
			return e, nil
		}
		for i, v := range values {
			if !utf8.ValidString(v) {
				return entry{}, notUTF8(line)
			}
			several := []string{v}
			if lists[c.names[i]] {
				several = strings.Split(v, ";")
			}
			if err := set(&e, c.names[i], several); err != nil && e.refusal == nil {
				e.refusal = fault.Of(err)
			}
		}
		return e, nil
	}
}

type jsonReader struct {
	from *bufio.Reader
	line int
}

func (j *jsonReader) next() (entry, error) {
	for {
		text, err := j.from.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			long := bytes.Clone(text)
			var more []byte
			more, err = j.from.ReadSlice('\n')
			if text = append(long, more...); len(text) > longestLine {
				return entry{}, &Mistake{j.line + 1, "the line is too long"}
			}
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return entry{}, err
		}
		j.line++
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return j.parse(text)
		}
		if err != nil {
			return entry{}, io.EOF
		}
	}
}

func (j *jsonReader) parse(text []byte) (entry, error) {
	if !utf8.Valid(text) {
		return entry{}, notUTF8(j.line)
	}
	var object map[string]any
	if err := json.Unmarshal(text, &object); err != nil || object == nil {
		return entry{}, &Mistake{j.line, "this is no JSON object"}
	}
	e := entry{ImportLine: directory.ImportLine{Line: j.line}}
	for _, name := range Columns() {
		value, there := object[name]
		delete(object, name)
		if !there || value == nil {
			continue
		}
		texts, ok := textsOf(value)
		err := error(fault.New(fault.Invalid, "bad_value", "A text is expected here, or a list of texts").On(name))
		if ok {
			err = set(&e, name, texts)
		}
		if err != nil && e.refusal == nil {
			e.refusal = fault.Of(err)
		}
	}
	for name := range object {
		return entry{}, &Mistake{j.line, fmt.Sprintf("there is no key %q; the keys are %s", name, strings.Join(Columns(), ", "))}
	}
	return e, nil
}

func textsOf(value any) ([]string, bool) {
	switch v := value.(type) {
	case string:
		return []string{v}, true
	case bool:
		return []string{fmt.Sprint(v)}, true
	case []any:
		var out []string
		for _, x := range v {
			text, ok := x.(string)
			if !ok {
				return nil, false
			}
			out = append(out, text)
		}
		return out, true
	}
	return nil, false
}
