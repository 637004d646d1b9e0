// Package importer reads files of people, CSV or JSON Lines, and makes them members of one organization, a chunk of lines
// in each transaction, with how far it has come in the same transaction: an import that was interrupted, however, goes on
// behind the last chunk. A dry run does everything and takes all of it back.
//
// A file that cannot be read as a whole is refused before anything is written. A line that is refused leaves nothing
// behind and keeps no other line out. What a cell says is text: nothing in a file is ever calculated.
package importer
