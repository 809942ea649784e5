/* Included before everything else by the build: nothing is ever looked up in another image, so no
 * access goes through the global offset table. */
#pragma GCC visibility push(hidden)
