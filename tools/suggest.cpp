#include "tools/suggest.h"

#include <algorithm>
#include <numeric>

namespace cnnc::tools {

// How many letters must be changed, added or left out to make one word of the other.
static size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

std::string suggestion(const std::string& word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  size_t least = std::min<size_t>(word.size() / 3, 3) + 1;  // farther ones are other words
  for (const std::string& candidate : known) {
    const bool extends = word.size() > 2 && (candidate.find(word) != std::string::npos);
    const size_t distance = extends ? 0 : edit_distance(word, candidate);
    if (distance < least) least = distance, best = &candidate;
  }
  return best == nullptr ? "" : "; did you mean '" + *best + "'?";
}

}  // namespace cnnc::tools
