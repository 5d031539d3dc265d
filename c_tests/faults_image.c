// The file of the library as the linker left it: what others can overwrite, run and see (docs/faults.md, S9,
// S10).
#include "harness.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>

typedef struct image {
  const char *bytes;
  size_t size;
  const ElfW(Ehdr) *header;
} image;

// The library that this program runs with, read as a file.
static image load(void) {
  image of;
  Dl_info info;
  struct stat about;
  CHECK(dladdr((void *)(uintptr_t)threading_version, &info) != 0);
  if (strstr(info.dli_fname, ".so") == NULL) SKIP("the library is linked into this program");
  const int file = open(info.dli_fname, O_RDONLY);
  CHECK(file >= 0 && fstat(file, &about) == 0);
  of.size = (size_t)about.st_size;
  of.bytes = mmap(NULL, of.size, PROT_READ, MAP_PRIVATE, file, 0);
  CHECK(of.bytes != MAP_FAILED);
  close(file);
  of.header = (const void *)of.bytes;
  CHECK(memcmp(of.bytes, ELFMAG, SELFMAG) == 0);
  CHECK(of.header->e_type == ET_DYN);
  return of;
}

static const ElfW(Phdr) *segment(const image *of, int number) {
  if (number >= of->header->e_phnum) return NULL;
  return (const void *)(of->bytes + of->header->e_phoff + (size_t)number * of->header->e_phentsize);
}

static const ElfW(Phdr) *segment_of_type(const image *of, ElfW(Word) type) {
  for (int i = 0; segment(of, i) != NULL; i++)
    if (segment(of, i)->p_type == type) return segment(of, i);
  harness_fail(__FILE__, __LINE__, "there is no segment of type %#x", (unsigned)type);
}

static const ElfW(Shdr) *section(const image *of, ElfW(Word) type) {
  for (int i = 0; i < of->header->e_shnum; i++) {
    const size_t offset = of->header->e_shoff + (size_t)i * of->header->e_shentsize;
    const ElfW(Shdr) *at = (const void *)(of->bytes + offset);
    if (at->sh_type == type) return at;
  }
  harness_fail(__FILE__, __LINE__, "there is no section of type %#x", (unsigned)type);
}

// The value of a dynamic entry, or 0; *present says whether there is one.
static ElfW(Xword) dynamic(const image *of, ElfW(Sxword) tag, bool *present) {
  const ElfW(Phdr) *where = segment_of_type(of, PT_DYNAMIC);
  const ElfW(Dyn) *entry = (const void *)(of->bytes + where->p_offset);
  while (entry->d_tag != DT_NULL && entry->d_tag != tag) entry++;
  *present = entry->d_tag == tag && tag != DT_NULL;
  return *present ? entry->d_un.d_val : 0;
}

TEST(fault_S9_no_memory_is_writable_and_executable) {
  const image of = load();
  int executable = 0;
  for (int i = 0; segment(&of, i) != NULL; i++) {
    const ElfW(Phdr) *at = segment(&of, i);
    CHECK((at->p_flags & (PF_W | PF_X)) != (PF_W | PF_X));
    executable += at->p_type == PT_LOAD && (at->p_flags & PF_X) != 0;
  }
  EQ(executable, 1);
  CHECK((segment_of_type(&of, PT_GNU_STACK)->p_flags & PF_X) == 0);
}

TEST(fault_S9_relocations_are_done_and_sealed_at_the_start) {
  const image of = load();
  bool present;
  CHECK(segment_of_type(&of, PT_GNU_RELRO)->p_memsz > 0);
  CHECK((dynamic(&of, DT_FLAGS_1, &present) & DF_1_NOW) != 0);
  CHECK((dynamic(&of, DT_FLAGS, &present) & DF_TEXTREL) == 0);
  dynamic(&of, DT_TEXTREL, &present);
  CHECK(!present);
}

// Nothing is looked for where somebody else may write.
TEST(fault_S9_no_path_of_the_machine_that_built_it) {
  const image of = load();
  bool present;
  dynamic(&of, DT_RPATH, &present);
  CHECK(!present);
  dynamic(&of, DT_RUNPATH, &present);
  CHECK(!present);
}

TEST(fault_S10_only_own_symbols_are_exported) {
  const image of = load();
  const ElfW(Shdr) *table = section(&of, SHT_DYNSYM);
  const ElfW(Shdr) *names =
    (const void *)(of.bytes + of.header->e_shoff + (size_t)table->sh_link * of.header->e_shentsize);
  const ElfW(Sym) *symbols = (const void *)(of.bytes + table->sh_offset);
  size_t exported = 0;
  for (size_t i = 0; i < table->sh_size / sizeof *symbols; i++) {
    if (symbols[i].st_shndx == SHN_UNDEF) continue;
    const char *name = of.bytes + names->sh_offset + symbols[i].st_name;
    if (strncmp(name, "threading_", 10) != 0) harness_fail(__FILE__, __LINE__, "%s is exported", name);
    exported++;
  }
  CHECK(exported > 100);
}
