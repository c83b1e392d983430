#include "codegen/link.h"

#include <lld/Common/Driver.h>
#include <llvm/ObjCopy/CommonConfig.h>
#include <llvm/ObjCopy/ConfigManager.h>
#include <llvm/ObjCopy/ObjCopy.h>
#include <llvm/Object/Archive.h>
#include <llvm/Object/ArchiveWriter.h>
#include <llvm/Object/Binary.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>

#include "codegen/link_arguments.h"
#include "codegen/llvm/temporary_file.h"
#include "codegen/object_builder.h"
#include "codegen/weights_section.h"
#include "ir/error.h"

LLD_HAS_DRIVER(elf)

namespace cnnc::codegen {

static constexpr const char* kModelSymbol = "cnnc_model";

template <typename T>
static T value_of(llvm::Expected<T> expected, const std::string& path) {
  if (!expected) throw Error(cat("cannot read ", quoted(path), ": ", llvm::toString(expected.takeError())), Fault::file);
  return std::move(*expected);
}

// ---- names -----------------------------------------------------------------------------------------------------------

namespace {
// A program among those that are linked. Their symbols end differently.
struct Part {
  const CompiledModel* model;
  std::string ending;

  std::string model_symbol() const { return kModelSymbol + ending; }
  std::string weights_symbol() const { return kWeightsSymbol + ending; }
};
}  // namespace

// The symbols of an executable's model are fixed, several libraries may meet in a program.
static Part part_of(const CompiledModel& model, const LinkOptions& options) {
  return {&model, options.artefact == Artefact::executable ? "" : "_" + options.name};
}

static std::string rename_symbols(const Part& part) {
  llvm::objcopy::ConfigManager config;
  config.Common.OutputFilename = "model";
  const std::string model = part.model_symbol(), weights = part.weights_symbol();
  config.Common.SymbolsToRename[kModelSymbol] = model;
  config.Common.SymbolsToRename[kWeightsSymbol] = weights;
  const std::vector<char>& object = part.model->object;
  const llvm::MemoryBufferRef buffer(llvm::StringRef(object.data(), object.size()), "model");
  const auto binary = value_of(llvm::object::createBinary(buffer), "the model's object file");
  llvm::SmallVector<char, 0> renamed;
  llvm::raw_svector_ostream out(renamed);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, *binary, out))
    throw Error(cat("cannot rename symbols: ", llvm::toString(std::move(error))), Fault::internal);
  return {renamed.data(), renamed.size()};
}

// ---- archives --------------------------------------------------------------------------------------------------------

namespace {
struct OpenArchive {
  explicit OpenArchive(const std::string& path)
      : buffer(llvm::MemoryBuffer::getFile(path)),
        archive(value_of(llvm::object::Archive::create(contents(path)), path)) {}

  llvm::MemoryBufferRef contents(const std::string& path) const {
    if (!buffer) throw Error(cat("cannot read ", quoted(path), ": ", buffer.getError().message()), Fault::file);
    return (*buffer)->getMemBufferRef();
  }
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer;
  std::unique_ptr<llvm::object::Archive> archive;
};
}  // namespace

// The C functions that an archive defines.
static std::vector<std::string> c_functions(const std::string& path) {
  const OpenArchive open(path);
  std::vector<std::string> names;
  for (const auto& symbol : open.archive->symbols())
    if (symbol.getName().starts_with("cnnc_")) names.push_back(symbol.getName().str());
  return names;
}

static void add_members(const OpenArchive& from, const std::string& path, std::vector<llvm::NewArchiveMember>& to) {
  llvm::Error error = llvm::Error::success();
  for (const auto& child : from.archive->children(error))
    to.push_back(value_of(llvm::NewArchiveMember::getOldMember(child, true), path));
  if (error) throw Error(cat("cannot read ", quoted(path), ": ", llvm::toString(std::move(error))), Fault::file);
}

static void write_archive(const std::string& object, TemporaryFile& to, const LinkOptions& options, bool uses_dnnl) {
  std::vector<std::string> paths = {library_path(options, "libcnnc_runtime.a")};
  if (uses_dnnl) paths.push_back(library_path(options, "libcnnc_dnnl.a"));
  std::vector<llvm::NewArchiveMember> members;
  members.push_back(value_of(llvm::NewArchiveMember::getFile(object, true), object));
  const std::string member_name = options.name + ".o";
  members.back().MemberName = member_name;
  std::vector<std::unique_ptr<OpenArchive>> open;
  for (const std::string& path : paths) {
    open.push_back(std::make_unique<OpenArchive>(path));
    add_members(*open.back(), path, members);
  }
  // In memory, for LLVM ends the process when the disk is full.
  const auto archive = value_of(llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                                           llvm::object::Archive::K_GNU, true, false),
                                object);
  to.write({archive->getBufferStart(), archive->getBufferSize()});
}

// ---- linking ---------------------------------------------------------------------------------------------------------

// lld keeps state in globals that it does not reset, so each link has a process of its own.
[[noreturn]] static void link_in_child(const std::vector<std::string>& arguments, const std::string& output, int messages,
                                       pid_t parent) {
  std::vector<const char*> argv;
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  llvm::raw_fd_ostream out(messages, false);
  const lld::Result result = lld::lldMain(argv, out, out, {{lld::Gnu, &lld::elf::link}});
  out.flush();
  if (getppid() != parent) unlink(output.c_str());  // nobody is left who would
  _exit(result.retCode);
}

static std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) != 0;) {
    if (n > 0) text.append(buffer, static_cast<size_t>(n));
    else if (errno != EINTR) break;
  }
  return text;
}

namespace {
// While it lives, signals that end the process wait, in this thread and in processes that it starts. Half-way through a link
// there are files whose names only the linker knows; after it, the process removes all.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM}) sigaddset(&signals, signal);
    pthread_sigmask(SIG_BLOCK, &signals, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};
}  // namespace

static void run_lld(const std::vector<std::string>& arguments, const std::string& output) {
  int ends[2];
  const auto fail = [] { throw Error(cat("cannot start the linker: ", std::strerror(errno)), Fault::limit); };
  if (pipe2(ends, O_CLOEXEC) != 0) fail();
  const SignalsWait wait;
  const pid_t parent = getpid(), child = fork();
  if (child == 0) link_in_child(arguments, output, ends[1], parent);
  close(ends[1]);
  std::string messages = read_all(ends[0]);
  close(ends[0]);
  if (child < 0) fail();
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (status == 0) return;
  while (!messages.empty() && messages.back() == '\n') messages.pop_back();
  CNNC_CHECK(WIFEXITED(status)) << "the linker was ended by signal " << WTERMSIG(status) << ": " << messages;
  throw Error(cat("cannot link the model: ", messages), Fault::file);
}

static void check_options(bool uses_dnnl, const LinkOptions& options) {
  if (c_identifier(options.name) != options.name)
    throw Error(cat(quoted(options.name), " is no C identifier"), Fault::usage);
  if (!options.is_static) return;
  if (options.artefact != Artefact::executable) throw Error("only executables can be static", Fault::usage);
  if (uses_dnnl)
    throw Error("a static executable cannot use oneDNN, which is a shared library; compile with --kernels=llvm",
                Fault::usage);
}

namespace {
// The constants of all parts in one section, one after the other.
class WeightsOfParts {
 public:
  void add(const std::string& symbol, const Weights& weights) {
    constexpr uint64_t kAlignment = 64;
    const uint64_t offset = (all_.bytes + kAlignment - 1) / kAlignment * kAlignment;
    symbols_.push_back({symbol, offset});
    for (const Weights::Part& part : weights.parts) all_.parts.push_back({offset + part.offset, part.tensor});
    all_.bytes = offset + weights.bytes;
  }
  void add(const std::string& symbol, const Tensor& data) { add(symbol, Weights{{{0, data}}, data.bytes()}); }

  const Weights& all() const { return all_; }
  std::vector<char> empty_object() const { return empty_weights_object(symbols_, all_.bytes); }

 private:
  Weights all_;
  std::vector<WeightsSymbol> symbols_;
};
}  // namespace

// What lld makes of the parts, in `output`, with their weights. Other inputs are complete.
static void link_parts(const std::vector<Part>& parts, const WeightsOfParts& weights, const std::string& path,
                       LinkInputs inputs, const LinkOptions& options, const std::string& output) {
  std::deque<TemporaryFile> objects;
  const auto add = [&](const std::string& bytes) {
    objects.emplace_back(path).write(bytes);
    inputs.objects.push_back(objects.back().path());
  };
  for (const Part& part : parts) {
    add(rename_symbols(part));
    inputs.uses_dnnl |= part.model->uses_dnnl;
  }
  const bool has_weights = weights.all().bytes > 0;
  if (has_weights) {
    const std::vector<char> empty = weights.empty_object();
    add({empty.data(), empty.size()});
  }
  run_lld(link_arguments(inputs, options, output), output);
  if (has_weights) fill_weights(output, weights.all());
}

static void link_model(const CompiledModel& model, const std::string& path, const LinkOptions& options,
                       const std::string& output) {
  const Part part = part_of(model, options);
  TemporaryFile script(path);
  LinkInputs inputs;
  inputs.main_archive = "libcnnc_main.a";
  WeightsOfParts weights;
  if (model.weights.bytes > 0) weights.add(part.weights_symbol(), model.weights);
  if (options.artefact == Artefact::shared_library) {
    script.write("{ global: cnnc_*; local: *; };\n");
    inputs.version_script = script.path();
    inputs.roots = c_functions(library_path(options, "libcnnc_runtime.a"));
    inputs.roots.push_back(part.model_symbol());
  }
  link_parts({part}, weights, path, std::move(inputs), options, output);
}

void link(const CompiledModel& model, const std::string& path, const LinkOptions& options) {
  check_options(model.uses_dnnl, options);
  TemporaryFile result(path);
  const SizeLimitIsAnError limit;
  if (options.artefact == Artefact::archive) {
    TemporaryFile object(path);
    link_model(model, path, options, object.path());
    write_archive(object.path(), result, options, model.uses_dnnl);
  } else {
    link_model(model, path, options, result.path());
  }
  const bool runs = options.artefact == Artefact::executable || options.artefact == Artefact::shared_library;
  result.rename_to(path, runs);
}

void link_trainer(const TrainerParts& trainer, const std::string& path, const LinkOptions& options) {
  std::vector<Part> parts = {{&trainer.training, "_training"}};
  if (trainer.other_batches) parts.push_back({&*trainer.other_batches, "_other_batches"});
  if (trainer.evaluation) parts.push_back({&*trainer.evaluation, "_evaluation"});
  WeightsOfParts weights;
  for (const Part& part : parts) {
    check_options(part.model->uses_dnnl, options);
    if (part.model->weights.bytes > 0) weights.add(part.weights_symbol(), part.model->weights);
  }
  weights.add("cnnc_trainer_record", trainer.record);
  TemporaryFile result(path);
  const SizeLimitIsAnError limit;
  LinkInputs inputs;
  inputs.main_archive = "libcnnc_trainer.a";
  link_parts(parts, weights, path, std::move(inputs), options, result.path());
  result.rename_to(path, true);
}

}  // namespace cnnc::codegen
