// What the examples share: their flags, their JSON lines, and the end: save, compile, classify.
#pragma once
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>

#include "cnnc/cnnc.h"

namespace example {

struct Flags {
  std::string data = {}, output = {};
  int epochs = 1;
  int64_t batch_size = 32;
  double validation_split = 0.1;
  uint64_t seed = 0;
  int threads = 0;
  int64_t size = 0;  // examples with sizes: depth or width
  std::string model = {};  // examples that begin with an ONNX file
  bool json = false, data_given = false;
};

inline void print_help(const char* program, const char* what, const Flags& d) {
  std::string data_flag;
  if (!d.data.empty()) data_flag = "  --data FOLDER            where the data set is (default " + d.data + ")\n";
  std::printf("%s: %s\n\n"
              "%s"
              "  --epochs N               default %d\n"
              "  --batch-size N           default 32\n"
              "  --validation-split F     held out from the end of the training data (default 0.1)\n"
              "  --seed N                 of weights, shuffling and dropout (default 0)\n"
              "  --threads N              default: as many as the machine grants\n"
              "  --output FILE            the trained model (default %s); FILE without .onnx is its executable\n"
              "  --json                   one JSON object a line instead of progress\n",
              program, what, data_flag.c_str(), d.epochs, d.output.c_str());
  if (!d.model.empty()) std::printf("  --model FILE             the ONNX file to begin with (default %s)\n", d.model.c_str());
  if (d.size != 0) std::printf("  --size N                 of the network (default %lld)\n", static_cast<long long>(d.size));
}

// The flags of the command line over the defaults; ends the program after --help and on a flag that is not known.
inline Flags parse(int argc, char** argv, const char* what, Flags flags) {
  const Flags defaults = flags;
  const auto fail = [&](const std::string& message) {
    std::fprintf(stderr, "%s: %s; see --help\n", argv[0], message.c_str());
    std::exit(2);
  };
  for (int i = 1; i < argc; ++i) {
    const std::string flag = argv[i];
    if (flag == "--help" || flag == "-h") print_help(argv[0], what, defaults), std::exit(0);
    if (flag == "--json") {
      flags.json = true;
      continue;
    }
    if (i + 1 == argc) fail("flag " + flag + " is not known or lacks its value");
    const std::string value = argv[++i];
    try {
      if (flag == "--data" && !defaults.data.empty()) flags.data = value, flags.data_given = true;
      else if (flag == "--output") flags.output = value;
      else if (flag == "--model" && !defaults.model.empty()) flags.model = value;
      else if (flag == "--epochs") flags.epochs = std::stoi(value);
      else if (flag == "--batch-size") flags.batch_size = std::stoll(value);
      else if (flag == "--validation-split") flags.validation_split = std::stod(value);
      else if (flag == "--seed") flags.seed = std::stoull(value);
      else if (flag == "--threads") flags.threads = std::stoi(value);
      else if (flag == "--size" && defaults.size != 0) flags.size = std::stoll(value);
      else fail("flag " + flag + " is not known");
    } catch (const std::logic_error&) {
      fail(flag + " takes a number, not " + value);
    }
  }
  cnnc::set_random_seed(flags.seed);
  return flags;
}

// The set's own folder inside the one that --data names, or that folder itself. Where nobody has named one, sets like
// MNIST may be Debian's package dataset-fashion-mnist.
inline std::string data_folder(const Flags& flags, const std::string& set) {
  namespace fs = std::filesystem;
  const std::string inside = flags.data + "/" + set, debian = "/usr/share/datasets/fashion-mnist";
  if (fs::is_directory(inside)) return inside;
  if (flags.data_given || fs::is_directory(flags.data)) return flags.data;
  if (set != "mnist")
    throw std::runtime_error("there is no folder " + inside + "; name the one that has the data with --data");
  if (!fs::is_directory(debian))
    throw std::runtime_error("there is no folder " + inside + "; name the one that has the data with --data, or install "
                             "Debian's package dataset-fashion-mnist");
  if (!flags.json) std::printf("Taking Fashion-MNIST from %s\n", debian.c_str());
  return debian;
}

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Prints a line of JSON after each epoch.
class JsonLines : public cnnc::Callback {
 public:
  explicit JsonLines(int64_t samples) : samples_(samples) {}
  void on_epoch_begin(cnnc::Model&, int) override { begin_ = seconds_now(); }
  void on_epoch_end(cnnc::Model&, int epoch, const cnnc::Logs& logs) override {
    const double seconds = seconds_now() - begin_;
    std::printf("{\"event\":\"epoch\",\"epoch\":%d", epoch + 1);
    for (const auto& [name, value] : logs) std::printf(",\"%s\":%.6g", name.c_str(), value);
    std::printf(",\"seconds\":%.4f,\"samples_per_second\":%.1f}\n", seconds, static_cast<double>(samples_) / seconds);
    std::fflush(stdout);
  }

 private:
  int64_t samples_;
  double begin_ = 0;
};

inline cnnc::FitOptions fit_options(const Flags& flags, const cnnc::Dataset& train) {
  cnnc::FitOptions options;
  options.epochs = flags.epochs;
  options.batch_size = flags.batch_size;
  options.validation_split = flags.validation_split;
  options.threads = flags.threads;
  if (flags.json) {
    options.verbose = cnnc::Verbose::silent;
    const auto samples = static_cast<int64_t>(static_cast<double>(train.x.rows()) * (1 - flags.validation_split));
    options.callbacks.push_back(JsonLines(samples));
  }
  return options;
}

inline void evaluate(cnnc::Model& model, const cnnc::Dataset& test, const Flags& flags) {
  const double begin = seconds_now();
  const auto results = model.evaluate(
      test, {.batch_size = flags.batch_size, .verbose = flags.json ? cnnc::Verbose::silent : cnnc::Verbose::automatic,
             .threads = flags.threads});
  if (flags.json)
    std::printf("{\"event\":\"evaluate\",\"loss\":%.6g,\"accuracy\":%.6g,\"seconds\":%.4f}\n", results[0],
                results.size() > 1 ? results[1] : 0.0, seconds_now() - begin);
  else if (results.size() > 1)
    std::printf("Test accuracy: %.4f\n", results[1]);
  std::fflush(stdout);
}

// An image as text: the mean over its channels, in ten shades.
inline void print_image(const cnnc::Array& images, int64_t index) {
  const cnnc::Shape s = images.shape();
  const int64_t channels = s[1], height = s[2], width = s[3];
  for (int64_t y = 0; y < height; y += 2) {
    for (int64_t x = 0; x < width; ++x) {
      double sum = 0;
      for (int64_t c = 0; c < channels; ++c)
        for (int64_t dy = 0; dy < 2 && y + dy < height; ++dy)
          sum += images.at(((index * channels + c) * height + y + dy) * width + x);
      const double shade = sum / static_cast<double>(2 * channels);
      std::putchar(" .:-=+*#%@"[static_cast<int>(shade * 9.99) % 10]);
    }
    std::putchar('\n');
  }
}

// The name of the executable that goes with the model's file.
inline std::string executable_of(const Flags& flags) {
  const std::string name = flags.output.substr(0, flags.output.rfind(".onnx"));
  if (name == flags.output) throw std::runtime_error("--output must end in .onnx: " + flags.output);
  return name;
}

// Saves the model and compiles the saved file to an executable.
inline void save_and_compile(const cnnc::Model& model, const Flags& flags) {
  const std::string executable = executable_of(flags);
  model.save(flags.output);
  cnnc::Model::load(flags.output).compile_to_executable(executable);
  if (!flags.json) std::printf("\nSaved %s and compiled it to %s.\n", flags.output.c_str(), executable.c_str());
}

// What the executable gives for an input, which it gets as a file.
inline cnnc::Array run_executable(const Flags& flags, const cnnc::Array& input) {
  const std::string executable = executable_of(flags), folder = executable + "_files";
  std::filesystem::create_directories(folder);
  input.save(folder + "/input.npy");
  const std::string program = executable.find('/') == std::string::npos ? "./" + executable : executable;
  const std::string command = "'" + program + "' --inputs input='" + folder + "/input.npy' --outputs '" + folder +
      "' --format npy > /dev/null 2>&1";
  if (std::system(command.c_str()) != 0) throw std::runtime_error("the executable failed: " + command);
  return cnnc::Array::load(folder + "/output_0.npy");
}

// Saves and compiles the model, and lets the executable classify the first test images, shown as text and as PNG files.
// Labels count from `first_class`.
inline void finish(const cnnc::Model& model, const cnnc::Dataset& test, const Flags& flags, int first_class = 0) {
  save_and_compile(model, flags);
  if (flags.json) return;
  const cnnc::Array images = test.x.slice(0, std::min<int64_t>(3, test.x.rows())).to_float();
  const cnnc::Array classes = run_executable(flags, images).argmax();
  const cnnc::Shape sample(images.shape().begin() + 1, images.shape().end());
  std::printf("What the executable sees:\n");
  for (int64_t i = 0; i < classes.size(); ++i) {
    const int found = first_class + static_cast<int>(classes.at(i)), label = first_class + static_cast<int>(test.y.at(i));
    const std::string png = executable_of(flags) + "_files/" + std::to_string(i) + "_class_" + std::to_string(found) + ".png";
    cnnc::data::save_png(png, images.slice(i, i + 1).reshaped(sample));
    print_image(images, i);
    std::printf("class %d (label %d), %s\n\n", found, label, png.c_str());
  }
}

// Runs an example's body and reports what goes wrong.
template <typename Body>
int run(const Body& body) {
  try {
    body();
    return 0;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "error: %s\n", e.what());
    return 1;
  }
}

}  // namespace example
