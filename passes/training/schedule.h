// How the learning rate falls from step to step.
#pragma once
#include <functional>
#include <string>

namespace cnnc {

// The rate at step t (from 0), given the initial rate.
using Schedule = std::function<double(double initial, int64_t step)>;

// "exponential,decay_steps=3,decay_rate=0.5[,staircase=1]", "cosine,decay_steps=[,alpha=][,warmup_steps=]",
// "inverse_time,decay_steps=,decay_rate=", "piecewise,boundaries=2:5,values=a:b:c"; "" is constant.
// Throws Error (Fault::usage).
Schedule schedule_named(const std::string& text);

}  // namespace cnnc
