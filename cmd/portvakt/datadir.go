package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// isPostgres reports whether a database URL means PostgreSQL.
func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

func sqlitePath(url string) string {
	return strings.TrimPrefix(strings.TrimPrefix(url, "sqlite:"), "//")
}

// fileLock is held by the one process that serves a SQLite file.
type fileLock struct{ f *os.File }

var errServed = errors.New("another process serves this database")

// lockFile makes the database's folder and takes the lock beside the file; errServed where another process has it. The
// system lets go of it when the process dies, however it dies.
func lockFile(database string) (*fileLock, error) {
	path := sqlitePath(database)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, mistakef("the database's folder cannot be made: %w", err)
	}
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, mistakef("the database's lock: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errServed
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return &fileLock{f}, nil
}

func (l *fileLock) release() {
	if l != nil {
		l.f.Close()
	}
}

// socketPath is where the process that serves a SQLite file takes the command line's wishes.
func socketPath(database string) string { return sqlitePath(database) + ".sock" }
