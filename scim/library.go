package scim

// What a client has written is straightened first, and then validated by elimity-com/scim: a resource whole, of a PATCH each new
// value by the attribute that it is of. These are the functions that the library's own server calls, and they refuse what that
// would refuse (TestTheLibrarysServerSaysTheSame). The server itself would have everything written as JSON and read again, and
// answers without our dates, schemas, projections and reasons.

// fits refuses a straightened resource that is none by the library's reading of the type's schemas. Its sentences are constants
// fit for clients.
func (t *resourceType) fits(body map[string]any) error {
	if _, err := t.whole.Validate(body); err != nil {
		return *err
	}
	for _, s := range t.extensions {
		part, ok := body[s.ID]
		if !ok {
			continue
		}
		if _, err := s.ValidateExtension(part); err != nil {
			return *err
		}
	}
	return nil
}

// fitting refuses operations of a PATCH with a value that its attribute cannot have. To remove something there is no value, and
// which elements a path selects is ours to read: the library knows only a part of that grammar.
func fitting(ops []operation) error {
	for _, o := range ops {
		if o.op == "remove" {
			continue
		}
		a := o.at.attr
		if o.at.sub != nil {
			a = o.at.sub
		}
		if err := a.fits(o.value); err != nil {
			return err
		}
	}
	return nil
}

// fits refuses a straightened value that the attribute cannot have. Of a list it is some elements, or the one that a path selects.
func (a *attribute) fits(value any) error {
	list, ok := value.([]any)
	if !ok || !a.multi {
		list = []any{value}
	}
	for _, e := range list {
		if _, err := a.validator.ValidateSingular(e); err != nil {
			return *err
		}
	}
	return nil
}
