package main

import (
	"errors"
	"os"
	"path/filepath"
)

// clearReady removes the ready file of an earlier start, so that whoever waits for it waits for this one. A folder that is
// not there is found now, before anything is written.
func clearReady(file string) error {
	if file == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return mistakef("the ready file: %w", err)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return mistakef("the ready file: %w", err)
	}
	return nil
}

// writeReady writes host:port in one step, so that whoever waits never reads half of it.
func writeReady(file, addr string) error {
	if file == "" {
		return nil
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".ready-*")
	if err != nil {
		return mistakef("the ready file: %w", err)
	}
	_, err = temporary.WriteString(addr + "\n")
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), file)
	}
	if err != nil {
		_ = os.Remove(temporary.Name()) // the first error matters
		return mistakef("the ready file: %w", err)
	}
	return nil
}
