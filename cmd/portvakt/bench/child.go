package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// child is a server that runs as a process of its own.
type child struct {
	cmd     *exec.Cmd
	addr    string
	started time.Duration // from the start of the process to ready
	output  *bytes.Buffer
}

// start runs the program and waits for its ready file.
func start(ctx context.Context, cfg Config, name string, args ...string) (*child, error) {
	ready := filepath.Join(cfg.Scratch, name+".ready")
	_ = os.Remove(ready)
	c := &child{cmd: exec.CommandContext(ctx, cfg.Binary, append(args, "--ready-file", ready)...), output: &bytes.Buffer{}}
	c.cmd.Stderr = c.output
	c.cmd.Env = append(os.Environ(), "PORTVAKT_LOG_LEVEL=warn") // an access log costs what the disk makes of it
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	began := time.Now()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	for time.Since(began) < cfg.Timeout {
		if b, err := os.ReadFile(ready); err == nil && len(b) > 0 {
			c.addr, c.started = strings.TrimSpace(string(b)), time.Since(began)
			return c, nil
		}
		time.Sleep(time.Millisecond)
	}
	c.stop()
	return nil, fmt.Errorf("%s was not ready within %s: %s", name, cfg.Timeout, c.output)
}

func (c *child) stop() {
	_ = c.cmd.Process.Signal(syscall.SIGTERM)
	_ = c.cmd.Wait()
}

// clockTick is the unit of /proc/PID/stat on Linux.
const clockTick = 10 * time.Millisecond

// cpu is the processor time that the process has used.
func (c *child) cpu() (time.Duration, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("processor time is read from /proc, on Linux only: %w", err)
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	if err1 != nil || err2 != nil {
		return 0, fmt.Errorf("/proc/%d/stat cannot be read", c.cmd.Process.Pid)
	}
	return time.Duration(user+system) * clockTick, nil
}

// settle waits until the server has nothing to do any more.
func (c *child) settle(ctx context.Context) error {
	const look = 500 * time.Millisecond // longer than what waits for events looks for some
	for {
		before, err := c.cpu()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		if after, err := c.cpu(); err != nil || after-before <= look/20 {
			return err
		}
	}
}

// memory is the resident memory in MiB; peak is the most that it has been.
func (c *child) memory() (float64, error) { return c.status("VmRSS:") }
func (c *child) peak() (float64, error)   { return c.status("VmHWM:") }

func (c *child) status(name string) (float64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name); ok {
			kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return kib / 1024, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/%d/status", name, c.cmd.Process.Pid)
}

// cost is the processor time of the child for each of n requests that send makes, in microseconds, and their rate.
func (c *child) cost(n int, send func() error) (micros, rate float64, err error) {
	before, err := c.cpu()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := send(); err != nil {
		return 0, 0, err
	}
	took := time.Since(began)
	after, err := c.cpu()
	return float64(after-before) / float64(time.Microsecond) / float64(n), float64(n) / took.Seconds(), err
}
