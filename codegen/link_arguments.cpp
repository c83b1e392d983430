#include "codegen/link_arguments.h"

#include <filesystem>

#include "ir/error.h"

namespace cnnc::codegen {

namespace fs = std::filesystem;
using Arguments = std::vector<std::string>;

namespace {
// Where the start files and libraries of the system are.
struct SystemFolders {
  fs::path c;    // libc
  fs::path gcc;  // libgcc
};
}  // namespace

static fs::path find_c_folder() {
  for (const char* folder : {"/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib", "/lib/x86_64-linux-gnu", "/lib64"})
    if (fs::exists(fs::path(folder) / "crt1.o") && fs::exists(fs::path(folder) / "libc.a")) return folder;
  throw Error("cannot link: the C library's crt1.o and libc.a are not there; install libc6-dev (apt-get install libc6-dev)",
              Fault::file);
}

// The newest version that is complete.
static fs::path find_gcc_folder() {
  fs::path best;
  int best_version = -1;
  for (const char* parent : {"/usr/lib/gcc/x86_64-linux-gnu", "/usr/lib/gcc/x86_64-pc-linux-gnu",
                             "/usr/lib/gcc/x86_64-redhat-linux", "/usr/lib64/gcc/x86_64-suse-linux"}) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(parent, ignored)) {
      const int version = std::atoi(entry.path().filename().c_str());
      if (version <= best_version || !fs::exists(entry.path() / "crtbegin.o"))
        continue;
      best = entry.path();
      best_version = version;
    }
  }
  if (best_version < 0)
    throw Error("cannot link: GCC's crtbegin.o is not there; install gcc (apt-get install gcc)",
                Fault::file);
  return best;
}

std::string library_path(const LinkOptions& options, const std::string& name) {
  const fs::path path = fs::path(options.library_folder) / name;
  if (!fs::exists(path))
    throw Error(cat("cannot link: ", quoted(path.string()), " is missing; it is built and installed with cnnc"),
                Fault::file);
  return path.string();
}

static void append(Arguments& to, const Arguments& more) { to.insert(to.end(), more.begin(), more.end()); }

static Arguments runtime_archives(const LinkInputs& inputs, const LinkOptions& options) {
  Arguments archives;
  if (options.artefact == Artefact::executable) archives.push_back(library_path(options, inputs.main_archive));
  if (inputs.uses_dnnl) archives.push_back(library_path(options, "libcnnc_dnnl.a"));
  archives.push_back(library_path(options, "libcnnc_runtime.a"));
  return archives;
}

// Start files and libraries around the model's own, in the order in which GCC gives them.
static Arguments around(const SystemFolders& system, const Arguments& own, const char* crt1, const char* begin,
                        const char* end, const Arguments& libraries) {
  Arguments all;
  if (*crt1 != 0) all.push_back(system.c / crt1);
  append(all, {system.c / "crti.o", system.gcc / begin, "-L" + system.gcc.string(), "-L" + system.c.string()});
  append(all, own);
  append(all, libraries);
  append(all, {system.gcc / end, system.c / "crtn.o"});
  return all;
}

static Arguments static_executable(const SystemFolders& system, const Arguments& own) {
  Arguments all = {"-static"};
  append(all, around(system, own, "crt1.o", "crtbeginT.o", "crtend.o",
                     {"--start-group", "-lm", "-lgcc", "-lgcc_eh", "-lc", "--end-group"}));
  return all;
}

// Libraries that only some models need; oneDNN's steps set the number of its threads through the libgomp that it brings.
static const Arguments kSharedLibraries = {"--as-needed", "-lgomp", "-lm", "-ldl", "-lc", "-lgcc", "--no-as-needed"};

static Arguments dynamic_executable(const SystemFolders& system, const Arguments& own) {
  Arguments all = {"-pie", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2"};
  append(all, around(system, own, "Scrt1.o", "crtbeginS.o", "crtendS.o", kSharedLibraries));
  return all;
}

static Arguments shared_library(const SystemFolders& system, const Arguments& own, const LinkInputs& inputs) {
  Arguments all = {"-shared", "-z", "defs", "--version-script=" + inputs.version_script};
  for (const std::string& root : inputs.roots) append(all, {"-u", root});
  append(all, around(system, own, "", "crtbeginS.o", "crtendS.o", kSharedLibraries));
  return all;
}

Arguments link_arguments(const LinkInputs& inputs, const LinkOptions& options, const std::string& output) {
  Arguments all = {"ld.lld", "-o", output, "-m", "elf_x86_64", "--strip-debug"};
  if (options.artefact == Artefact::object || options.artefact == Artefact::archive) {
    all.push_back("-r");
    append(all, inputs.objects);
    return all;
  }
  append(all, {"--gc-sections", "--hash-style=gnu", "--eh-frame-hdr", "-z", "relro", "-z", "now", "-z", "noexecstack"});
  Arguments own = inputs.objects;
  append(own, runtime_archives(inputs, options));
  const SystemFolders system{find_c_folder(), find_gcc_folder()};
  if (options.artefact == Artefact::shared_library) append(all, shared_library(system, own, inputs));
  else if (options.is_static) append(all, static_executable(system, own));
  else append(all, dynamic_executable(system, own));
  return all;
}

}  // namespace cnnc::codegen
