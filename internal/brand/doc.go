// Package brand judges what an organization may show of itself on pages and in mails: one colour and one picture. There is
// no HTML and no CSS of anybody but ours.
//
// Invariants:
//   - What is served of a picture was written here, byte for byte: PNG and JPEG are decoded and encoded anew, SVG is taken
//     apart and put together from an allow-list (TestWall113_PicturesAreWrittenAnew, FuzzSVG).
//   - A picture refers to nothing outside itself and runs nothing (TestWall113_HostilePictures).
//   - No accent makes a page unreadable: what is derived from it keeps WCAG 2.2's contrast (TestPaletteKeepsContrast).
package brand
