// Command portvakt is the whole product in one program: the sign-in service, the SCIM endpoint and the tools of those who
// run them. It alone sees every package; serve.go is where they are put together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"portvakt/internal/audit"
	"portvakt/internal/config"
	"portvakt/internal/secret"
)

// Exit codes: 2 is for what the caller can mend (flags, configuration, an unreachable database, a port in use).
const (
	exitOK      = 0
	exitFailure = 1
	exitMistake = 2
	exitDenied  = 3 // of explain alone: the answer is no
)

type commands struct {
	Serve        serveCommand        `cmd:"" help:"Run the service."`
	Apply        applyCommand        `cmd:"" help:"Make the organizations, members and applications of a file, or bring them up to date."`
	Invite       inviteCommand       `cmd:"" help:"Invite people to an organization, many at once."`
	Invitations  invitationsCommand  `cmd:"" help:"Invitations: list, resend, withdraw."`
	Member       memberCommand       `cmd:"" help:"A member: show, end, extend, suspend, reactivate, hand over a function."`
	Organization organizationCommand `cmd:"" help:"How an organization stands: seats, features, functions, open questions, transfers."`
	Domain       domainCommand       `cmd:"" help:"Domains of an organization: claim, verify, list, give up."`
	Operator     operatorCommand     `cmd:"" help:"What only operators may: appoint administrators, name operators."`
	Import       importCommand       `cmd:"" help:"Make the people of a CSV or JSON Lines file members of an organization."`
	Migrate      migrateCommand      `cmd:"" help:"Bring the database's tables up to date."`
	Service      serviceCommand      `cmd:"" name:"service-account" help:"Service accounts of an organization: list, rotate, revoke, disable, enable."`
	Clients      provisioningCommand `cmd:"" name:"provisioning-client" help:"Provisioning clients (SCIM) of an organization: list, rotate, revoke, caller, release, remove."`
	SCIMLog      scimLogCommand      `cmd:"" name:"scim-log" help:"What provisioning clients have asked lately, and why it was refused."`
	Keys         keysCommand         `cmd:"" help:"Signing keys: list, rotate; or make a master key."`
	Config       configCommand       `cmd:"" help:"Check a configuration file, or print the example."`
	Health       healthCommand       `cmd:"" help:"Ask a running service whether it is ready; for container health checks."`
	Bench        benchCommand        `cmd:"" help:"Measure this build on this machine, as ratios to floors measured in the same run."`
	Passwords    passwordsCommand    `cmd:"" help:"Passwords: make a file of breached ones."`
	Version      versionCommand      `cmd:"" help:"Print the version."`
	Audit        auditCommand        `cmd:"" help:"The history of changes: list, export."`
	Explain      explainCommand      `cmd:"" help:"Say whether a member may do something, and why."`
	Recalculate  recalculateCommand  `cmd:"" help:"Build access anew from the rows, and tell what was running otherwise."`
	SAMLDebug    samlDebugCommand    `cmd:"" name:"saml-debug" help:"Decode a SAML message or metadata, and say what is wrong with it."`
	Doctor       doctorCommand       `cmd:"" help:"Look whether the installation is well and its history whole; changes nothing."`
}

// world is what a command has of the machine around it; tests make their own.
type world struct {
	ctx            context.Context
	stdout, stderr io.Writer
	environ        []string
	started        func(addresses)  // told when the service is ready
	now            func() time.Time // what the clock of serve --dev begins with; nil: the machine's time
	hashing        secret.Params    // what hashing a password costs the service; zero: secret.DefaultParams. Only tests say something else
}

func main() {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // a library below logs there, in words and at places that are not ours
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once, as it does by default
	code := run(world{ctx: ctx, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is the program without the process: arguments in, exit code out.
func run(w world, args []string) (code int) {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli, kong.Name("portvakt"), kong.Writers(w.stdout, w.stderr), kong.UsageOnError(),
		kong.Exit(func(c int) { exited = c }),
		kong.Description("Sign-in, provisioning and access for business software that many organizations share."),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		fmt.Fprintln(w.stderr, "portvakt:", err)
		return exitFailure
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help
		return exited
	}
	if err != nil {
		fmt.Fprintf(w.stderr, "portvakt: %v\n", err)
		return exitMistake
	}
	if parsed.Command() != "serve" { // which acts for others
		w.ctx = asCaller(w.ctx, thisUser())
	}
	if err := parsed.Run(w); err != nil {
		return report(w.stderr, err)
	}
	return exitOK
}

// mistake is an error that the caller can mend; its text is written for that person.
type mistake struct{ err error }

func (m mistake) Error() string { return m.err.Error() }
func (m mistake) Unwrap() error { return m.err }

func mistakef(format string, args ...any) error { return mistake{fmt.Errorf(format, args...)} }

func report(stderr io.Writer, err error) int {
	var problems config.Problems
	var m mistake
	switch {
	case errors.Is(err, errDenied):
		return exitDenied
	case errors.As(err, &problems):
		fmt.Fprintln(stderr, problems)
		return exitMistake
	case errors.Is(err, audit.ErrNoVault):
		fmt.Fprintln(stderr, "portvakt:", errNoKey)
		return exitMistake
	case errors.As(err, &m):
		fmt.Fprintln(stderr, "portvakt:", m)
		return exitMistake
	}
	fmt.Fprintln(stderr, "portvakt:", err)
	return exitFailure
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(w world) error {
	version := "(unknown)"
	if build, ok := debug.ReadBuildInfo(); ok {
		version = build.Main.Version // the tag or commit that it was built from; "(devel)" outside of a repository
	}
	fmt.Fprintln(w.stdout, "portvakt", version)
	return nil
}
