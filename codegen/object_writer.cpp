#include "codegen/object_writer.h"

#include <cstring>

#include "ir/error.h"

namespace cnnc::codegen {

Elf64_Shdr elf_section(uint32_t type, uint64_t flags, uint64_t alignment) {
  Elf64_Shdr header{};
  header.sh_type = type;
  header.sh_flags = flags;
  header.sh_addralign = alignment;
  return header;
}

uint32_t StringTable::add(const std::string& text) {
  const auto at = static_cast<uint32_t>(bytes.size());
  bytes.append(text.c_str(), text.size() + 1);
  return at;
}

size_t ObjectWriter::add(const std::string& name, Elf64_Shdr header, const void* data, size_t bytes) {
  file_.resize((file_.size() + 15) / 16 * 16);
  header.sh_name = names_.add(name);
  header.sh_offset = file_.size();
  if (header.sh_type != SHT_NOBITS) header.sh_size = bytes;
  const char* begin = static_cast<const char*>(data);
  file_.insert(file_.end(), begin, begin + bytes);
  sections_.push_back(header);
  return sections_.size() - 1;
}

size_t ObjectWriter::add_symbols(const std::vector<Elf64_Sym>& symbols, size_t locals, const StringTable& names) {
  const size_t strings = add(".strtab", elf_section(SHT_STRTAB, 0, 1), names.bytes.data(), names.bytes.size());
  Elf64_Shdr table = elf_section(SHT_SYMTAB, 0, 8);
  table.sh_entsize = sizeof(Elf64_Sym);
  table.sh_link = static_cast<uint32_t>(strings);
  table.sh_info = static_cast<uint32_t>(locals);
  return add(".symtab", table, symbols.data(), symbols.size() * sizeof(Elf64_Sym));
}

std::vector<char> ObjectWriter::finish() {
  CNNC_CHECK(sections_.size() + 1 < SHN_LORESERVE) << "an object file cannot have " << sections_.size() << " sections";
  constexpr const char* kNames = ".shstrtab";
  const uint32_t own_name = names_.add(kNames);
  const std::string table = names_.bytes;  // add() puts the name into names_ once more
  const size_t names = add(kNames, elf_section(SHT_STRTAB, 0, 1), table.data(), table.size());
  sections_[names].sh_name = own_name;
  file_.resize((file_.size() + 15) / 16 * 16);
  write_file_header(names);
  const auto* begin = reinterpret_cast<const char*>(sections_.data());
  file_.insert(file_.end(), begin, begin + sections_.size() * sizeof(Elf64_Shdr));
  return std::move(file_);
}

void ObjectWriter::write_file_header(size_t names) {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_REL;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_shoff = file_.size();
  header.e_ehsize = sizeof(Elf64_Ehdr);
  header.e_shentsize = sizeof(Elf64_Shdr);
  header.e_shnum = static_cast<uint16_t>(sections_.size());
  header.e_shstrndx = static_cast<uint16_t>(names);
  std::memcpy(file_.data(), &header, sizeof header);
}

}  // namespace cnnc::codegen
