// Tables of numbers as text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <string_view>

#include "cnnc/data.h"
#include "frontend/data/file_reader.h"
#include "frontend/dsl/definition.h"
#include "ir/error.h"

namespace cnnc::dsl::data {

namespace {

struct Table {
  size_t columns = 0;
  std::vector<float> numbers;
  int64_t rows() const { return columns == 0 ? 0 : static_cast<int64_t>(numbers.size() / columns); }
};

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t' || text.back() == '\r')) text.remove_suffix(1);
  return text;
}

float number_of(std::string_view text, const std::string& where) {
  text = trimmed(text);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = trimmed(text.substr(1, text.size() - 2));
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) throw Error(cat(where, ": is empty, need a number in every cell"), Fault::file);
  float value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (fault != std::errc() || end != text.data() + text.size())
    throw Error(cat(where, ": ", quoted(std::string(text)), " is no number"), Fault::file);
  return value;
}

void read_line(std::string_view line, char separator, const std::string& where, Table& table) {
  size_t count = 0;
  for (size_t begin = 0; begin <= line.size(); ++count) {
    const size_t end = std::min(line.find(separator, begin), line.size());
    table.numbers.push_back(number_of(line.substr(begin, end - begin), cat(where, ", column ", count + 1)));
    begin = end + 1;
  }
  if (table.columns == 0) table.columns = count;
  if (count != table.columns)
    throw Error(cat(where, ": has ", count, " columns, the first line has ", table.columns), Fault::file);
}

Table read_table(const std::string& path, const CsvOptions& options) {
  const std::vector<uint8_t> bytes = read_data_file(path);
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);  // the mark of UTF-8
  Table table;
  size_t number = 0;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = text.substr(begin, end - begin);
    begin = end + 1;
    if (++number == 1 && options.header) continue;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    try {
      read_line(line, options.separator, cat(path, ":", number), table);
    } catch (const Error& e) {
      if (table.columns != 0 || options.header) throw;
      throw Error(cat(e.message(), "; if the first line has the columns' names, set header = true; the separator is '",
                      options.separator, "'"),
                  Fault::file);
    }
  }
  if (table.rows() == 0) throw Error(path + ": has no lines of numbers", Fault::file);
  return table;
}

std::vector<size_t> label_columns(const Table& table, const CsvOptions& options, const std::string& path) {
  std::vector<size_t> columns;
  for (const int wanted : options.label_columns) {
    const int column = wanted < 0 ? wanted + static_cast<int>(table.columns) : wanted;
    if (column < 0 || column >= static_cast<int>(table.columns))
      throw Error(cat(path, ": has ", table.columns, " columns, no column ", wanted), Fault::file);
    columns.push_back(static_cast<size_t>(column));
  }
  return columns;
}

Array columns_of(const Table& table, const std::vector<size_t>& columns) {
  cnnc::Tensor result(DType::f32, {table.rows(), static_cast<int64_t>(columns.size())});
  float* to = result.mutable_data<float>();
  for (size_t row = 0; row < table.numbers.size(); row += table.columns)
    for (const size_t column : columns) *to++ = table.numbers[row + column];
  return array_of(std::move(result));
}

}  // namespace

Dataset csv(const std::string& path, const CsvOptions& options) {
  const Table table = read_table(path, options);
  const std::vector<size_t> labels = label_columns(table, options, path);
  std::vector<size_t> others;
  for (size_t column = 0; column < table.columns; ++column)
    if (std::find(labels.begin(), labels.end(), column) == labels.end()) others.push_back(column);
  Dataset result{columns_of(table, others), {}};
  if (!labels.empty()) result.y = columns_of(table, labels);
  if (labels.size() == 1) result.y = result.y.reshaped({table.rows()});
  return result;
}

}  // namespace cnnc::dsl::data
