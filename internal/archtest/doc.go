// Package archtest holds the house in order: which package may import which, who may write SQL, read the clock or use a
// library, and how large things may grow. The rules are data in rules_test.go; a broken one fails with a sentence.
// There is nothing here to import.
package archtest
