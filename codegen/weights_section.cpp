#include "codegen/weights_section.h"

#include <elf.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "codegen/object_writer.h"
#include "ir/error.h"

namespace cnnc::codegen {

// A large section: it may lie beyond 2 GB, after everything that code addresses relative to itself.
static constexpr const char* kSectionName = ".lrodata";
static constexpr uint64_t kAlignment = 64;
static constexpr uint64_t kLargeSection = 0x10000000;  // SHF_X86_64_LARGE, which not every <elf.h> has

// ---- the empty object ------------------------------------------------------------------------------------------------

std::vector<char> empty_weights_object(const std::vector<WeightsSymbol>& symbols, uint64_t bytes) {
  constexpr uint64_t kLarge = SHF_ALLOC | SHF_WRITE | kLargeSection;
  constexpr uint64_t kRetain = 1 << 21;  // SHF_GNU_RETAIN
  ObjectWriter object;
  // Bytes after a program's .bss make the linker open a new segment, which the empty section then ends.
  const char filled[kAlignment] = {};
  object.add(".ldata", elf_section(SHT_PROGBITS, kLarge | kRetain, kAlignment), filled, sizeof filled);
  Elf64_Shdr empty = elf_section(SHT_NOBITS, kLarge, kAlignment);
  empty.sh_size = bytes;
  const size_t weights = object.add(kSectionName, empty, nullptr, 0);
  object.add(".note.GNU-stack", elf_section(SHT_PROGBITS, 0, 1), nullptr, 0);

  StringTable strings;
  std::vector<Elf64_Sym> entries(1);
  for (const WeightsSymbol& symbol : symbols) {
    Elf64_Sym entry{};
    entry.st_name = strings.add(symbol.name);
    entry.st_info = ELF64_ST_INFO(STB_GLOBAL, STT_OBJECT);
    entry.st_other = STV_HIDDEN;
    entry.st_shndx = static_cast<uint16_t>(weights);
    entry.st_value = symbol.offset;
    entries.push_back(entry);
  }
  object.add_symbols(entries, 1, strings);
  return object.finish();
}

// ---- filling ---------------------------------------------------------------------------------------------------------

namespace {
// A file of our own making that is read and written at offsets; every failure is an Error that names it.
class EditedFile {
 public:
  explicit EditedFile(const std::string& path) : path_(path), fd_(open(path.c_str(), O_RDWR | O_CLOEXEC)) {
    if (fd_ < 0) fail("open");
  }
  ~EditedFile() { close(fd_); }
  EditedFile(const EditedFile&) = delete;

  uint64_t size() const {
    const off_t end = lseek(fd_, 0, SEEK_END);
    if (end < 0) fail("read");
    return static_cast<uint64_t>(end);
  }
  void read(void* to, size_t bytes, uint64_t offset) const {
    if (pread(fd_, to, bytes, static_cast<off_t>(offset)) != static_cast<ssize_t>(bytes)) fail("read");
  }
  void write(const void* from, size_t bytes, uint64_t offset) {
    const char* data = static_cast<const char*>(from);
    while (bytes > 0) {
      const ssize_t written = pwrite(fd_, data, bytes, static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write");
      data += written;
      offset += static_cast<uint64_t>(written);
      bytes -= static_cast<size_t>(written);
    }
  }
  void resize(uint64_t bytes) {
    if (ftruncate(fd_, static_cast<off_t>(bytes)) != 0) fail("write");
  }
  template <typename T>
  std::vector<T> records(uint64_t offset, size_t count) const {
    std::vector<T> result(count);
    read(result.data(), count * sizeof(T), offset);
    return result;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw Error(cat("cannot ", what, " ", quoted(path_), ": ", std::strerror(errno)), Fault::file);
  }
  std::string path_;
  int fd_;
};
}  // namespace

static size_t find_weights(const EditedFile& file, const Elf64_Ehdr& header, const std::vector<Elf64_Shdr>& sections) {
  const Elf64_Shdr& names = sections[header.e_shstrndx];
  const std::vector<char> text = file.records<char>(names.sh_offset, names.sh_size);
  const auto found = std::find_if(sections.begin(), sections.end(), [&](const Elf64_Shdr& s) {
    return s.sh_type == SHT_NOBITS && std::strcmp(text.data() + s.sh_name, kSectionName) == 0;
  });
  CNNC_CHECK(found != sections.end()) << "the linked file has no empty section " << kSectionName;
  return static_cast<size_t>(found - sections.begin());
}

static void write_parts(EditedFile& file, uint64_t offset, const Weights& weights) {
  file.resize(offset + weights.bytes);  // zeros where no part lies
  for (const Weights::Part& part : weights.parts)
    if (part.tensor.bytes() > 0) file.write(part.tensor.raw(), part.tensor.bytes(), offset + part.offset);
}

// Moves the segment that ends with the weights to the end of the file and gives it all its bytes.
static void move_segment(EditedFile& file, const Elf64_Ehdr& header, std::vector<Elf64_Shdr>& sections,
                         const Elf64_Shdr& weights) {
  auto segments = file.records<Elf64_Phdr>(header.e_phoff, header.e_phnum);
  const auto it = std::find_if(segments.begin(), segments.end(), [&](const Elf64_Phdr& s) {
    return s.p_type == PT_LOAD && s.p_vaddr <= weights.sh_addr && weights.sh_addr < s.p_vaddr + s.p_memsz;
  });
  CNNC_CHECK(it != segments.end() && weights.sh_addr + weights.sh_size == it->p_vaddr + it->p_memsz)
      << "the weights do not end a segment of the linked file";
  const std::vector<char> before = file.records<char>(it->p_offset, it->p_filesz);
  const uint64_t page = std::max<uint64_t>(it->p_align, 1);
  it->p_offset = (file.size() + page - 1) / page * page + it->p_vaddr % page;
  it->p_filesz = it->p_memsz;
  it->p_flags = PF_R;
  file.write(before.data(), before.size(), it->p_offset);
  file.write(segments.data(), segments.size() * sizeof(Elf64_Phdr), header.e_phoff);
  for (Elf64_Shdr& section : sections)
    if (it->p_vaddr <= section.sh_addr && section.sh_addr < it->p_vaddr + it->p_memsz) {
      section.sh_offset = it->p_offset + (section.sh_addr - it->p_vaddr);
      section.sh_flags &= ~static_cast<uint64_t>(SHF_WRITE);
    }
}

void fill_weights(const std::string& path, const Weights& weights) {
  EditedFile file(path);
  Elf64_Ehdr header;
  file.read(&header, sizeof header, 0);
  auto sections = file.records<Elf64_Shdr>(header.e_shoff, header.e_shnum);
  Elf64_Shdr& section = sections[find_weights(file, header, sections)];
  CNNC_CHECK(section.sh_size == weights.bytes) << "weights of another size";
  if (header.e_phnum > 0) {
    move_segment(file, header, sections, section);
  } else {
    section.sh_offset = (file.size() + kAlignment - 1) / kAlignment * kAlignment;
    section.sh_flags &= ~static_cast<uint64_t>(SHF_WRITE);
  }
  section.sh_type = SHT_PROGBITS;
  file.write(sections.data(), sections.size() * sizeof(Elf64_Shdr), header.e_shoff);
  write_parts(file, section.sh_offset, weights);
}

}  // namespace cnnc::codegen
