package directory

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"portvakt/internal/sqldb"
)

// TestR47_EveryFieldIsCompared: a field that is added without a line in the history fails here.
func TestR47_EveryFieldIsCompared(t *testing.T) {
	t.Parallel()
	eachField(t, func(t *testing.T, name string, set func(any) reflect.Value) {
		var was, is Member
		is.AllSegments, was.AllSegments = false, false
		set(&is)
		if openChanges(memberOpen, &was, &is) == nil && len(personalChanges(&was, &is)) == 0 && !slices.Contains(unrecorded, name) {
			t.Errorf("a change of %s is in no entry; add it to memberOpen, memberPersonal or unrecorded", name)
		}
	}, reflect.TypeFor[Member](), "Member")
	eachField(t, func(t *testing.T, name string, set func(any) reflect.Value) {
		var was, is Details
		set(&is)
		changes := detailChanges(&was, &is)
		if len(changes) != 1 || changes[0].Field == "" || changes[0].After == "" {
			t.Errorf("a change of %s is told as %+v", name, changes)
		}
	}, reflect.TypeFor[Details](), "Details")
	eachField(t, func(t *testing.T, name string, set func(any) reflect.Value) {
		var was, is Organization
		set(&is)
		if openChanges(organizationOpen, &was, &is) == nil && !slices.Contains(unrecorded, name) {
			t.Errorf("a change of %s is in no entry; add it to organizationOpen or unrecorded", name)
		}
	}, reflect.TypeFor[Organization](), "Organization")
}

func eachField(t *testing.T, test func(t *testing.T, name string, set func(any) reflect.Value), typ reflect.Type, path string) {
	t.Helper()
	for i := range typ.NumField() {
		f := typ.Field(i)
		if f.Type == reflect.TypeFor[ResellerAccess]() { // its parts one by one
			for j := range f.Type.NumField() {
				part := f.Type.Field(j)
				test(t, path+"."+f.Name+"."+part.Name, func(v any) reflect.Value {
					return fill(reflect.ValueOf(v).Elem().Field(i).Field(j))
				})
			}
			continue
		}
		test(t, path+"."+f.Name, func(v any) reflect.Value { return fill(reflect.ValueOf(v).Elem().Field(i)) })
	}
}

// fill gives a field something to say.
func fill(v reflect.Value) reflect.Value {
	switch {
	case v.Type() == reflect.TypeFor[time.Time]():
		v.Set(reflect.ValueOf(time.Unix(1, 0)))
	case v.Type() == reflect.TypeFor[Details]():
		v.Set(reflect.ValueOf(Details{GivenName: "x"}))
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.Int64:
		v.SetInt(7)
	case v.Kind() == reflect.Array: // an identifier
		id := sqldb.NewID[userPrefix](time.Unix(1, 0))
		reflect.Copy(v, reflect.ValueOf(id))
	case v.Kind() == reflect.Slice:
		one := reflect.New(v.Type().Elem()).Elem()
		if one.Kind() == reflect.String {
			one.SetString("x")
		}
		v.Set(reflect.Append(v, one))
	case v.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.ValueOf(GradeView))
	}
	return v
}
