package interaction

import (
	"net/http"

	"portvakt/idp/credential"
	pages "portvakt/idp/web"
	"portvakt/internal/directory"
	"portvakt/internal/fault"
	"portvakt/internal/web"
)

// PasswordFields are the two fields in which somebody chooses a password, empty.
func PasswordFields(about credential.About) pages.NewPasswordFields {
	return pages.NewPasswordFields{MinLength: about.MinLength(), MaxLength: credential.MaxLength}
}

// ChosenPassword reads the fields in which the person has chosen a password; what is wrong with it stands in them. An error
// is that it could not be checked, so it is not taken: credential.ErrBusy, or trouble.
func (s *Service) ChosenPassword(r *http.Request, user directory.UserID, about credential.About) (string, pages.NewPasswordFields, error) {
	password, f := web.One(r.PostForm, "new_password"), PasswordFields(about)
	switch {
	case password == "":
		f.PasswordProblem = pages.ProblemRequired
	case password != web.One(r.PostForm, "new_password_again"):
		f.AgainProblem = pages.ProblemDiffer
	default:
		err := s.credentials.Check(password, about)
		if err == nil {
			err = s.credentials.CheckAgain(r.Context(), user, password)
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			return "", f, err
		}
		if err != nil {
			f.PasswordProblem = pages.FieldProblem(fault.Of(err).Code) // the codes are the page's words
		}
	}
	return password, f, nil
}
