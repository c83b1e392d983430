#include "codegen/join_objects.h"

#include <elf.h>

#include <cstring>
#include <map>
#include <set>
#include <string>

#include "codegen/object_writer.h"
#include "ir/error.h"

namespace cnnc::codegen {

namespace {

// An object file as LLVM writes it.
class InputObject {
 public:
  explicit InputObject(const std::vector<char>& file) : file_(file) {
    Elf64_Ehdr header;
    CNNC_CHECK(file.size() >= sizeof header) << "the object file is cut off";
    std::memcpy(&header, file.data(), sizeof header);
    sections_ = entries<Elf64_Shdr>(header.e_shoff, header.e_shnum);
    names_ = data(sections_[header.e_shstrndx]);
    for (const Elf64_Shdr& section : sections_) {
      if (section.sh_type != SHT_SYMTAB) continue;
      symbols_ = entries<Elf64_Sym>(section.sh_offset, section.sh_size / sizeof(Elf64_Sym));
      symbol_names_ = data(sections_[section.sh_link]);
    }
  }

  const std::vector<Elf64_Shdr>& sections() const { return sections_; }
  const std::vector<Elf64_Sym>& symbols() const { return symbols_; }
  std::string name(const Elf64_Shdr& section) const { return names_ + section.sh_name; }
  std::string name(const Elf64_Sym& symbol) const { return symbol_names_ + symbol.st_name; }
  const char* data(const Elf64_Shdr& section) const { return file_.data() + section.sh_offset; }
  std::vector<Elf64_Rela> relocations(const Elf64_Shdr& section) const {
    return entries<Elf64_Rela>(section.sh_offset, section.sh_size / sizeof(Elf64_Rela));
  }

 private:
  template <typename T>
  std::vector<T> entries(uint64_t offset, size_t count) const {
    std::vector<T> result(count);
    if (count > 0) std::memcpy(result.data(), file_.data() + offset, count * sizeof(T));
    return result;
  }

  const std::vector<char>& file_;
  std::vector<Elf64_Shdr> sections_;
  std::vector<Elf64_Sym> symbols_;
  const char *names_ = nullptr, *symbol_names_ = nullptr;
};

bool is_local(const Elf64_Sym& symbol) { return ELF64_ST_BIND(symbol.st_info) == STB_LOCAL; }

class Joiner {
 public:
  explicit Joiner(const std::vector<std::vector<char>>& objects) {
    for (const auto& object : objects) parts_.push_back({InputObject(object), {}, {}});
  }

  std::vector<char> join() {
    for (Part& part : parts_) add_sections(part);
    // Local symbols come first.
    for (Part& part : parts_) add_symbols(part, true);
    const size_t locals = symbols_.size();
    for (Part& part : parts_) add_symbols(part, false);
    for (Part& part : parts_) bind_references(part);
    const size_t table = writer_.add_symbols(symbols_, locals, symbol_names_);
    for (const Part& part : parts_) add_relocations(part, table);
    return writer_.finish();
  }

 private:
  struct Part {
    InputObject input;
    std::vector<size_t> sections;   // their numbers in the result; 0 where left out
    std::vector<uint64_t> symbols;
  };

  void add_sections(Part& part) {
    for (const Elf64_Shdr& section : part.input.sections()) {
      const std::string name = part.input.name(section);
      const bool marker = section.sh_type == SHT_PROGBITS && section.sh_size == 0 && (section.sh_flags & SHF_ALLOC) == 0;
      const bool kept = section.sh_type == SHT_PROGBITS || section.sh_type == SHT_NOBITS;
      CNNC_CHECK(kept || section.sh_type == SHT_NULL || section.sh_type == SHT_SYMTAB || section.sh_type == SHT_STRTAB ||
                 section.sh_type == SHT_RELA)
          << "generated code has a section " << name << " of type " << section.sh_type;
      CNNC_CHECK(!kept || (section.sh_flags & (SHF_LINK_ORDER | SHF_GROUP)) == 0) << "section " << name << " depends on another";
      // Markers such as .note.GNU-stack are needed once; an empty section holds nothing.
      const bool empty = section.sh_size == 0 && !(marker && markers_.insert(name).second);
      const bool has_data = section.sh_type == SHT_PROGBITS;
      part.sections.push_back(kept && !empty ? writer_.add(name, section, part.input.data(section),
                                                           has_data ? section.sh_size : 0)
                                             : 0);
    }
  }

  // Symbols that the part defines and that are, or are not, local to the result.
  void add_symbols(Part& part, bool local) {
    const std::vector<Elf64_Sym>& symbols = part.input.symbols();
    part.symbols.resize(symbols.size());
    for (size_t i = 0; i < symbols.size(); ++i) {
      Elf64_Sym symbol = symbols[i];
      const bool defined = symbol.st_shndx != SHN_UNDEF && symbol.st_shndx < SHN_LORESERVE;
      const bool becomes_local = is_local(symbol) || symbol.st_other == STV_HIDDEN;
      if (!defined || becomes_local != local || part.sections[symbol.st_shndx] == 0) continue;
      const std::string name = part.input.name(symbol);
      symbol.st_shndx = static_cast<uint16_t>(part.sections[symbol.st_shndx]);
      if (!is_local(symbols[i])) {
        CNNC_CHECK(numbers_.emplace(name, symbols_.size()).second) << "symbol " << name << " is defined twice";
        if (local) {
          symbol.st_info = ELF64_ST_INFO(STB_LOCAL, ELF64_ST_TYPE(symbol.st_info));
          symbol.st_other = STV_DEFAULT;
        }
      }
      part.symbols[i] = add(symbol, name);
    }
  }

  void bind_references(Part& part) {
    const std::vector<Elf64_Sym>& symbols = part.input.symbols();
    for (size_t i = 1; i < symbols.size(); ++i) {
      if (symbols[i].st_shndx != SHN_UNDEF) continue;
      const std::string name = part.input.name(symbols[i]);
      const auto [it, is_new] = numbers_.emplace(name, symbols_.size());
      if (is_new) add(symbols[i], name);
      part.symbols[i] = it->second;
    }
  }

  uint64_t add(Elf64_Sym symbol, const std::string& name) {
    symbol.st_name = name.empty() ? 0 : symbol_names_.add(name);
    symbols_.push_back(symbol);
    return symbols_.size() - 1;
  }

  void add_relocations(const Part& part, size_t table) {
    for (Elf64_Shdr section : part.input.sections()) {
      if (section.sh_type != SHT_RELA || section.sh_size == 0) continue;
      std::vector<Elf64_Rela> relocations = part.input.relocations(section);
      for (Elf64_Rela& r : relocations) {
        const uint64_t symbol = part.symbols[ELF64_R_SYM(r.r_info)];
        CNNC_CHECK(symbol != 0) << "a relocation refers to a symbol that is left out";
        r.r_info = ELF64_R_INFO(symbol, ELF64_R_TYPE(r.r_info));
      }
      section.sh_link = static_cast<uint32_t>(table);
      section.sh_info = static_cast<uint32_t>(part.sections[section.sh_info]);
      writer_.add(part.input.name(section), section, relocations.data(), section.sh_size);
    }
  }

  std::vector<Part> parts_;
  ObjectWriter writer_;
  std::set<std::string> markers_;
  std::vector<Elf64_Sym> symbols_ = std::vector<Elf64_Sym>(1);
  StringTable symbol_names_;
  std::map<std::string, uint64_t> numbers_;  // of symbols that are not local to their part
};

}  // namespace

std::vector<char> join_objects(const std::vector<std::vector<char>>& objects) { return Joiner(objects).join(); }

}  // namespace cnnc::codegen
