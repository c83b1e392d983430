// History as curves.
#include <algorithm>
#include <cmath>
#include <sstream>

#include "cnnc/training.h"
#include "ir/error.h"
#include "runtime/file_bytes.h"

namespace cnnc::dsl {

namespace {

constexpr double kWidth = 480, kHeight = 220, kMargin = 50;

using Curve = std::pair<std::string, std::vector<double>>;

// "loss" of "val_loss".
std::string kind_of_value(const std::string& name) { return name.rfind("val_", 0) == 0 ? name.substr(4) : name; }

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

// One plot, its upper edge at `top`: axes with the least and greatest value, curves, and their names.
void draw(std::ostream& out, double top, const std::string& title, const std::vector<Curve>& curves) {
  double low = INFINITY, high = -INFINITY;
  for (const Curve& curve : curves)
    for (const double value : curve.second)
      if (std::isfinite(value)) low = std::min(low, value), high = std::max(high, value);
  if (!(low <= high)) low = 0, high = 1;
  if (low == high) high = low + 1;
  const double bottom = top + kHeight - kMargin;
  out << "<text x='" << kMargin << "' y='" << top + 20 << "' font-weight='bold'>" << title << "</text>\n"
      << "<path d='M" << kMargin << " " << top + 30 << " V" << bottom << " H" << kWidth << "' stroke='#888' fill='none'/>\n"
      << "<text x='4' y='" << top + 36 << "'>" << number_text(high) << "</text><text x='4' y='" << bottom << "'>"
      << number_text(low) << "</text>\n";
  static constexpr const char* kColours[] = {"#1f77b4", "#ff7f0e", "#2ca02c"};
  for (size_t c = 0; c < curves.size(); ++c) {
    const std::vector<double>& values = curves[c].second;
    out << "<polyline fill='none' stroke='" << kColours[c % 3] << "' stroke-width='2' points='";
    for (size_t i = 0; i < values.size(); ++i) {
      const double x = kMargin + (kWidth - kMargin) * static_cast<double>(i) / std::max<double>(1, static_cast<double>(values.size()) - 1);
      if (std::isfinite(values[i])) out << x << "," << bottom - (bottom - top - 30) * (values[i] - low) / (high - low) << " ";
    }
    out << "'/>\n<text x='" << kWidth + 10 << "' y='" << top + 40 + 18 * static_cast<double>(c) << "' fill='"
        << kColours[c % 3] << "'>" << curves[c].first << "</text>\n";
  }
}

}  // namespace

void History::save_svg(const std::string& path) const {
  std::map<std::string, std::vector<Curve>> plots;
  for (const auto& [name, values] : history) plots[kind_of_value(name)].push_back({name, values});
  std::ostringstream out;
  out << "<svg xmlns='http://www.w3.org/2000/svg' width='" << kWidth + 160 << "' height='"
      << kHeight * static_cast<double>(plots.size()) << "' font-family='sans-serif' font-size='12'>\n"
      << "<rect width='100%' height='100%' fill='white'/>\n";
  double top = 0;
  for (const auto& [kind, curves] : plots) draw(out, top, kind, curves), top += kHeight;
  out << "</svg>\n";
  FileWriter file;
  ErrorText error;
  const std::string text = out.str();
  if (!file.open(path.c_str(), &error) || !file.write(text.data(), text.size(), &error) || !file.commit(&error))
    throw Error(error.text, Fault::file);
}

}  // namespace cnnc::dsl
