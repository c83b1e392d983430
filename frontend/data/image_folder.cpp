// Folders of images that bear the names of their classes.
#include <algorithm>
#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "cnnc/data.h"
#include "frontend/data/image_array.h"
#include "frontend/dsl/definition.h"
#include "frontend/dsl/random.h"
#include "ir/error.h"

namespace cnnc::dsl::data {

namespace fs = std::filesystem;

namespace {
struct LabelledFile {
  std::string path;
  int32_t label;
};
}  // namespace

static std::string lower_case(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Sorted; hidden folders are none of the data's.
static std::vector<std::string> folders_in(const std::string& folder) {
  std::error_code code;
  if (!fs::is_directory(folder, code)) throw Error(cat(folder, ": is no folder"), Fault::file);
  std::vector<std::string> names;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename();
    if (entry.is_directory() && name[0] != '.') names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  if (names.empty())
    throw Error(cat(folder, ": has no folders; need one for each class, with its images inside"), Fault::file);
  return names;
}

static std::vector<std::string> class_names(const std::string& folder, const std::vector<std::string>& wanted) {
  const std::vector<std::string> found = folders_in(folder);
  std::string list;
  for (const std::string& name : found) list += (list.empty() ? "" : ", ") + name;
  std::set<std::string> seen;
  for (const std::string& name : wanted) {
    if (!std::binary_search(found.begin(), found.end(), name))
      throw Error(cat(folder, ": has no folder ", quoted(name), " for the class; it has ", list), Fault::file);
    if (!seen.insert(name).second) throw Error(cat("class_names holds ", quoted(name), " twice"), Fault::usage);
  }
  return wanted.empty() ? found : wanted;
}

// The images below a folder, sorted by path. Other files are left alone, but for images that nothing here reads.
static void add_files(const std::string& folder, int32_t label, std::vector<LabelledFile>& files) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const std::string path = entry.path(), ending = lower_case(entry.path().extension());
    if (ending == ".bmp" || ending == ".gif" || ending == ".webp")
      throw Error(cat(path, ": only PNG and JPEG images are read; convert it"), Fault::file);
    if (ending == ".png" || ending == ".jpg" || ending == ".jpeg") paths.push_back(path);
  }
  std::sort(paths.begin(), paths.end());
  for (std::string& path : paths) files.push_back({std::move(path), label});
}

static void shuffle(std::vector<LabelledFile>& files, uint64_t seed) {
  RandomNumbers random(seed);
  for (size_t i = files.size(); i > 1; --i) std::swap(files[i - 1], files[random.below(i)]);
}

// Images without a size of their own in the options have the first one's.
static ImageSpec spec_of(const ImageFolderOptions& o, const std::string& first) {
  ImageSpec spec{o.height, o.width, o.color_mode, o.crop_to_aspect_ratio};
  if (spec.height > 0) return spec;
  const Pixels pixels = decode_image(first);
  spec.height = pixels.height, spec.width = pixels.width;
  return spec;
}

static void read_image(const LabelledFile& file, const ImageSpec& spec, bool any_size, uint8_t* to) {
  const Pixels pixels = decode_image(file.path);
  if (!any_size && (pixels.height != spec.height || pixels.width != spec.width))
    throw Error(cat(file.path, ": the image is ", pixels.height, " x ", pixels.width, ", the first one ", spec.height,
                    " x ", spec.width, "; say which height and width all should have"),
                Fault::file);
  write_image(pixels, spec, to);
}

// Every thread takes each n-th image.
static cnnc::Tensor read_images(const std::vector<LabelledFile>& files, const ImageFolderOptions& o) {
  const ImageSpec spec = spec_of(o, files[0].path);
  const auto count = static_cast<int64_t>(files.size());
  cnnc::Tensor images(DType::u8, {count, channels_of(spec.mode), spec.height, spec.width});
  auto* to = images.mutable_data<uint8_t>();
  const size_t bytes = images.bytes() / files.size(), threads = std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::future<void>> parts;
  for (size_t t = 0; t < threads; ++t)
    parts.push_back(std::async(std::launch::async, [&, t] {
      for (size_t i = t; i < files.size(); i += threads) read_image(files[i], spec, o.height > 0, to + i * bytes);
    }));
  for (auto& part : parts) part.wait();
  for (auto& part : parts) part.get();
  return images;
}

static Dataset rows(const Dataset& data, int64_t begin, int64_t end) {
  return begin == end ? Dataset{} : Dataset{data.x.slice(begin, end), data.y.slice(begin, end)};
}

ImageFolder image_folder(const std::string& folder, const ImageFolderOptions& o) {
  require_sizes(o.height, o.width);
  if (!(o.validation_split >= 0) || o.validation_split >= 1)
    throw Error(cat("validation_split is ", o.validation_split, ", need a number in [0, 1)"), Fault::usage);
  const std::vector<std::string> names = class_names(folder, o.class_names);
  std::vector<LabelledFile> files;
  for (size_t i = 0; i < names.size(); ++i) add_files(folder + "/" + names[i], static_cast<int32_t>(i), files);
  if (files.empty()) throw Error(cat(folder, ": has no PNG or JPEG images in its folders"), Fault::file);
  if (o.shuffle) shuffle(files, o.seed);
  cnnc::Tensor labels(DType::i32, {static_cast<int64_t>(files.size())});
  for (size_t i = 0; i < files.size(); ++i) labels.mutable_data<int32_t>()[i] = files[i].label;
  const Dataset all{array_of(read_images(files, o)).scaled(1 / 255.0), array_of(std::move(labels))};
  const int64_t count = all.x.rows();
  const int64_t cut = count - static_cast<int64_t>(o.validation_split * static_cast<double>(count));
  return {rows(all, 0, cut), rows(all, cut, count), names};
}

}  // namespace cnnc::dsl::data
