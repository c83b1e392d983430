// Data sets in files. Pixels stay bytes in memory and are read as numbers in [0, 1]; images are [samples, channels,
// height, width]. Throws when a file is missing, cut short or of another format.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "cnnc/array.h"

namespace cnnc::dsl {

// What fit() and evaluate() take.
struct TrainTest {
  Dataset train, test;
};

namespace data {

// The four files of MNIST or Fashion-MNIST (IDX, also gzipped) in a folder: images [samples, 1, 28, 28].
TrainTest mnist(const std::string& folder);
// The same of EMNIST: byclass, bymerge, balanced, letters, digits or mnist, from files like
// emnist-letters-train-images-idx3-ubyte.gz. Images, which lie on their side in the files, are upright; the labels of
// `letters` count from 1.
TrainTest emnist(const std::string& folder, const std::string& split);
// CIFAR-10's binary files in a folder (data_batch_1.bin ... and test_batch.bin): images [samples, 3, 32, 32].
TrainTest cifar10(const std::string& folder);
// CIFAR-100's train.bin and test.bin; the labels are the 100 fine ones, or the 20 coarse ones.
TrainTest cifar100(const std::string& folder, bool coarse = false);

// One IDX file, gzipped or not: bytes as uint8_t, other types as they are.
Array idx(const std::string& path);
// One array of a .npz archive (stored or deflated).
Array npz(const std::string& path, const std::string& name);

enum class ColorMode { rgb, grayscale, rgba };
struct ImageOptions {
  int64_t height = 0, width = 0;  // images are resized to these; 0: as they are in the file
  ColorMode color_mode = ColorMode::rgb;
  bool crop_to_aspect_ratio = false;  // cuts the sides off rather than distort
};
// A PNG or JPEG file as [channels, height, width].
Array image(const std::string& path, const ImageOptions& options = {});
// An image [channels, height, width] of 1, 3 or 4 channels with numbers in [0, 1] as a PNG file.
void save_png(const std::string& path, const Array& image);

struct ImageFolderOptions {
  int64_t height = 256, width = 256;  // images are resized to these; 0: as they are, if all have one size
  ColorMode color_mode = ColorMode::rgb;
  bool crop_to_aspect_ratio = false;
  std::vector<std::string> class_names = {};  // folders in this order; none: all of them, sorted by name
  bool shuffle = true;                        // by the seed, before the validation part is cut off
  uint64_t seed = 0;
  double validation_split = 0;  // the last part of the images
};
struct ImageFolder {
  Dataset train, validation;  // labels are positions in class_names
  std::vector<std::string> class_names;
};
// PNG and JPEG files in folders that bear the names of their classes, as Keras' image_dataset_from_directory reads them.
ImageFolder image_folder(const std::string& folder, const ImageFolderOptions& options = {});

struct CsvOptions {
  char separator = ',';
  bool header = false;           // skip the first line
  std::vector<int> label_columns;  // become y, in this order; negative: counted from the last. None: y is empty
};
// Numbers, also in quotes, one sample a line; all lines have the same number of columns, and no cell is empty. One label
// column gives y of rank 1.
Dataset csv(const std::string& path, const CsvOptions& options = {});

}  // namespace data
}  // namespace cnnc::dsl
