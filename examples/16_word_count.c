/* Counts the words of several files at the same time. Each part of the work has a tree of its own:
   nothing is shared and nothing locked, and combine() adds one tree to another when both are done.

   The files are the arguments; without any, the program reads itself. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <threading.h>

/* A tree in the order of the alphabet, not balanced. Of a longer word each 31 letters count as one. */
struct word { struct word *before, *after; long count; char text[32]; };

static void check(threading_status status) {
  if (status == THREADING_OK) return;
  fprintf(stderr, "%s: %s\n", threading_status_name(status), threading_last_error());
  exit(EXIT_FAILURE);
}

static void add(struct word **tree, const char *text, long count) {
  for (int order; *tree != NULL && (order = strcmp(text, (*tree)->text)) != 0;)
    tree = order < 0 ? &(*tree)->before : &(*tree)->after;
  if (*tree == NULL && (*tree = calloc(1, sizeof **tree)) == NULL) abort();
  strcpy((*tree)->text, text);
  (*tree)->count += count;
}

static void count_words(int64_t begin, int64_t end, void *tree, void *paths) {
  for (int64_t i = begin; i < end; i++) {
    FILE *file = fopen(((char **)paths)[i], "r");
    char text[32];
    for (int got = 0; file != NULL && got != EOF; got = fscanf(file, "%*[^A-Za-z]")) {
      if (fscanf(file, "%31[A-Za-z]", text) != 1) continue;
      for (char *c = text; *c != '\0'; c++) *c = (char)tolower((unsigned char)*c);
      add(tree, text, 1);
    }
    if (file == NULL || ferror(file) || fclose(file) != 0) {
      perror(((char **)paths)[i]);
      exit(EXIT_FAILURE);
    }
  }
}

static void combine(void *into, const void *from, void *paths) {
  struct word *word = *(struct word *const *)from;
  if (word == NULL) return;
  add(into, word->text, word->count);
  combine(into, &word->before, paths);
  combine(into, &word->after, paths);
  free(word);
}

/* The most frequent word of `tree`, unless `best` is at least as frequent. */
static struct word *find_top(struct word *tree, struct word *best) {
  if (tree == NULL) return best;
  best = find_top(tree->before, best);
  return find_top(tree->after, tree->count > best->count ? tree : best);
}

int main(int argc, char **argv) {
  char *itself[] = { argv[0], __FILE__ };
  if (argc < 2) argv = itself, argc = 2;
  static struct word *all; /* NULL, no words: what each part begins with; then the sum */
  check(threading_parallel_reduce(threading_default_pool(), 1, argc, 1, &all, sizeof all, count_words,
                                  combine, argv, &all));
  struct word none = { .count = 0 }, *top;
  for (int i = 0; i < 5 && (top = find_top(all, &none)) != &none; i++, top->count = 0)
    printf("%ld %s\n", top->count, top->text);
  return EXIT_SUCCESS;
}

/* Arguments: data/harbour.txt data/mountain.txt */
/* Expected output:
68 the
18 and
9 a
7 to
6 in
*/
