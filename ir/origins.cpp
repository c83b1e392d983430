#include "ir/origins.h"

#include <algorithm>
#include <iterator>
#include <unordered_set>
#include <utility>
#include <vector>

namespace cnnc {

// Sets of up to this many names are stored as they are.
constexpr size_t kPlainNames = 16;

// Either names or two parts.
struct Origins::Part {
  Part(Strings sorted) : names(std::move(sorted)), first(&names.front()) {}
  Part(std::shared_ptr<Part> a, std::shared_ptr<Part> b)
      : first(*a->first < *b->first ? a->first : b->first), left(std::move(a)), right(std::move(b)) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  // A part of a part of a part ... can be too deep for the stack.
  ~Part() {
    std::vector<std::shared_ptr<Part>> dying{std::move(left), std::move(right)};
    while (!dying.empty()) {
      const std::shared_ptr<Part> part = std::move(dying.back());
      dying.pop_back();
      if (part == nullptr || part.use_count() > 1) continue;
      dying.push_back(std::move(part->left));
      dying.push_back(std::move(part->right));
    }
  }

  Strings names;
  const std::string* first;
  std::shared_ptr<Part> left, right;
};

static void sort_and_unite(Strings& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

Origins::Origins(Strings names) {
  if (names.empty()) return;
  sort_and_unite(names);
  part_ = std::make_shared<Part>(std::move(names));
}

const std::string& Origins::first() const { return *part_->first; }

Strings Origins::names() const {
  if (part_ == nullptr) return {};
  if (part_->left == nullptr) return part_->names;
  Strings all;
  std::unordered_set<const Part*> seen;
  std::vector<const Part*> todo{part_.get()};
  while (!todo.empty()) {
    const Part* part = todo.back();
    todo.pop_back();
    if (!seen.insert(part).second) continue;
    all.insert(all.end(), part->names.begin(), part->names.end());
    if (part->left) todo.insert(todo.end(), {part->left.get(), part->right.get()});
  }
  sort_and_unite(all);
  return all;
}

bool Origins::contains(const std::string& name) const {
  const Strings all = names();
  return std::binary_search(all.begin(), all.end(), name);
}

void Origins::join(const Origins& other) {
  if (other.part_ == nullptr || part_ == other.part_) return;
  if (part_ == nullptr) {
    part_ = other.part_;
    return;
  }
  if (part_->names.size() + other.part_->names.size() <= kPlainNames && !part_->left && !other.part_->left) {
    Strings merged;
    std::set_union(part_->names.begin(), part_->names.end(), other.part_->names.begin(), other.part_->names.end(),
                   std::back_inserter(merged));
    if (merged == part_->names) return;
    part_ = merged == other.part_->names ? other.part_ : std::make_shared<Part>(std::move(merged));
    return;
  }
  part_ = std::make_shared<Part>(part_, other.part_);
}

}  // namespace cnnc
