// Writes relocatable ELF objects for x86-64.
#pragma once
#include <elf.h>

#include <string>
#include <vector>

namespace cnnc::codegen {

Elf64_Shdr elf_section(uint32_t type, uint64_t flags, uint64_t alignment);

// Strings of an ELF string table; the first is empty.
struct StringTable {
  std::string bytes = std::string(1, '\0');
  uint32_t add(const std::string& text);
};

class ObjectWriter {
 public:
  ObjectWriter() : file_(sizeof(Elf64_Ehdr)), sections_(1) {}

  // Appends a section and returns its number.
  size_t add(const std::string& name, Elf64_Shdr header, const void* data, size_t bytes);
  // The symbol table and its names; the first `locals` symbols are local. Returns the number of the table.
  size_t add_symbols(const std::vector<Elf64_Sym>& symbols, size_t locals, const StringTable& names);
  std::vector<char> finish();

 private:
  void write_file_header(size_t names);

  std::vector<char> file_;
  std::vector<Elf64_Shdr> sections_;
  StringTable names_;
};

}  // namespace cnnc::codegen
