#include "runtime/training/trainer_arguments.h"

#include <float.h>
#include <string.h>

#include "runtime/arguments.h"

namespace cnnc {
namespace {

bool parse_flag(Arguments& args, TrainerArguments* line) {
  if (args.flag("--help") || args.flag("-h")) return line->help = true;
  if (args.flag("--version")) return line->version = true;
  if (args.flag("--json")) return line->run.json = true;
  if (args.flag("--no-shuffle")) return line->no_shuffle = true;
  return args.flag("--quiet") || args.flag("-q");
}

bool parse_text(Arguments& args, TrainerArguments* line) {
  return args.text("--data", &line->data) || args.text("--labels", &line->labels) ||
         args.text("--sample-weights", &line->sample_weights) ||
         args.text("--output", &line->output) || args.text("-o", &line->output) ||
         args.text("--lr-schedule", &line->schedule) || args.text("--resume", &line->resume) ||
         args.text("--checkpoint", &line->run.checkpoint);
}

bool parse_number(Arguments& args, TrainerArguments* line) {
  return args.number("--epochs", 0, &line->run.epochs) ||
         args.number("--steps", 0, &line->run.steps) ||
         args.number("--batch-size", 1, &line->batch_size) ||
         args.number("--threads", 1, &line->threads) || args.number("--seed", 0, &line->seed) ||
         args.real("--lr", 0, DBL_MAX, &line->learning_rate) ||
         args.real("--validation-split", 0, 1, &line->validation_split);
}

bool parse_choice(Arguments& args, TrainerArguments* line, ErrorText* error) {
  if (const char* choice = args.value("--nan")) {
    line->skips_bad_steps = !strcmp(choice, "skip");
    if (!line->skips_bad_steps && strcmp(choice, "stop")) {
      args.failed = !error->set("--nan is 'stop' or 'skip', not '%s'", choice);
    }
    return true;
  }
  const char* every = args.value("--checkpoint-every");
  if (every && !parse_checkpoint_every(every, &line->run.checkpoint_every, error)) {
    args.failed = true;
  }
  return every != nullptr;
}

} // namespace

bool TrainerArguments::parse(int argc, char** argv, ErrorText* error) {
  Arguments args(argc, argv, error);
  while (!args.done()) {
    const bool known = parse_flag(args, this) || parse_text(args, this) ||
                       parse_number(args, this) || parse_choice(args, this, error);
    if (args.failed) return false;
    if (!known) return error->set("unknown argument '%s'; see --help", args.current());
  }
  if (help || version) return true;
  if (!data) return error->set("--data FILE is missing; see --help");
  return labels || error->set("--labels FILE is missing; see --help");
}

} // namespace cnnc
