// Package fault is the one vocabulary of failure inside Portvakt: nine kinds, a stable code, and one sentence that may
// be shown to a client. It knows no HTTP status, no protocol and no translation; each protocol maps kinds to its own
// words in one table at its door. An error that is no fault is Internal: the client learns nothing of it.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of failure it was; protocols decide what a client hears of it.
type Kind uint8

// The nine kinds. The zero Kind is Internal, so that a forgotten kind never tells a client anything.
const (
	Internal Kind = iota
	Invalid
	NotFound
	Conflict
	Stale
	Forbidden
	Unauthenticated
	Expired
	Exhausted
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "stale", "forbidden", "unauthenticated", "expired", "exhausted"}

// String is the kind's name in logs.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return kindNames[Internal]
}

// Fault is a failure with a kind. Values are immutable: the methods that add to a fault return a copy.
type Fault struct {
	Kind  Kind
	Code  string // stable, for programs: "user_name_taken"
	Field string // the field at fault, in the directory's words; "" if none
	Text  string // one sentence fit for clients
	// Values are what Newf put into the sentence, in order, so that a translated sentence names the same.
	Values []string
	nouns  map[int]Nouns // of the values that are words of ours
	Retry  time.Duration // when to come back, for Exhausted
	cause  error
}

// New makes a fault; text is one English sentence fit for clients, without a final full stop.
func New(kind Kind, code, text string) *Fault { return &Fault{Kind: kind, Code: code, Text: text} }

// Newf is New with a formatted sentence; the arguments stay readable as Values.
func Newf(kind Kind, code, format string, args ...any) *Fault {
	f := New(kind, code, fmt.Sprintf(format, args...))
	for _, a := range args {
		switch a := a.(type) {
		case Noun:
			f.noun(Nouns{a})
		case Nouns:
			f.noun(a)
		}
		f.Values = append(f.Values, fmt.Sprint(a))
	}
	return f
}

// Noun is a word of ours in a sentence, which people know by another name in each language. In English it is its String.
type Noun struct {
	English string
	Key     string            // of the texts for people, where it stands in every language
	Names   map[string]string // else by language
}

// String is the English word.
func (n Noun) String() string { return n.English }

// Nouns are several, said one after the other.
type Nouns []Noun

// String is the English words.
func (n Nouns) String() string {
	words := make([]string, len(n))
	for i := range n {
		words[i] = n[i].English
	}
	return strings.Join(words, " and ")
}

// noun notes that the next value is words of ours.
func (f *Fault) noun(n Nouns) {
	if f.nouns == nil {
		f.nouns = map[int]Nouns{}
	}
	f.nouns[len(f.Values)] = n
}

// Nouns are the words of ours that a value is; none where it is somebody else's, or a number.
func (f *Fault) Nouns(value int) Nouns { return f.nouns[value] }

// On names the field at fault.
func (f *Fault) On(field string) *Fault { c := *f; c.Field = field; return &c }

// Because keeps the cause for the log; it is never shown to a client.
func (f *Fault) Because(err error) *Fault { c := *f; c.cause = err; return &c }

// After says when trying again makes sense.
func (f *Fault) After(d time.Duration) *Fault { c := *f; c.Retry = d; return &c }

// Error is for logs; it holds the cause.
func (f *Fault) Error() string {
	s := f.Kind.String() + " " + f.Code + ": " + f.Text
	if f.Field != "" {
		s += " (" + f.Field + ")"
	}
	if f.cause != nil {
		s += ": " + f.cause.Error()
	}
	return s
}

// Unwrap gives the cause.
func (f *Fault) Unwrap() error { return f.cause }

// Is makes errors.Is compare kind and code, so that sentinels match their copies with a field or a cause.
func (f *Fault) Is(target error) bool {
	t, ok := target.(*Fault)
	return ok && t.Kind == f.Kind && t.Code == f.Code
}

// Of finds the fault in err; any other error becomes an Internal fault with err as cause. Of(nil) is nil.
func Of(err error) *Fault {
	if err == nil {
		return nil
	}
	var f *Fault
	if errors.As(err, &f) {
		return f
	}
	return New(Internal, "internal", "Something went wrong").Because(err)
}

// Is reports whether err is a fault of the kind; an error that is no fault is Internal.
func Is(err error, kind Kind) bool { return err != nil && Of(err).Kind == kind }
