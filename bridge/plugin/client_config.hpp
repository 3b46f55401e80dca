// Where a server is: endpoints, stream and keys, from the project, the environment or what is usual. [control]
//
// Names are resolved as `endpoint.py` does, and keys read as `keys.py` writes them.
#pragma once

#include <string>

namespace legando {

struct Config {
    std::string audio, control, stream, keys, client;

    bool operator==(const Config& other) const
    {
        return audio == other.audio && control == other.control && stream == other.stream && keys == other.keys && client == other.client;
    }
};

// Fill in what a project leaves empty: LEGANDO_AUDIO, LEGANDO_CONTROL, LEGANDO_STREAM, LEGANDO_KEYS, LEGANDO_CLIENT, then
// the usual.
Config with_defaults(Config config);

// Return what the user's own list of servers says of number `number`, from 1; empty members where it says nothing.
//
// `servers` in `config_folder()`, a line each: AUDIO CONTROL [STREAM [KEYS [CLIENT]]], `-` for what is usual. Lines
// that are empty or begin with `#` do not count.
Config from_list(int number);

// Return the address that libzmq is given; empty for one that is not allowed without keys or not on this system, or is
// none at all.
std::string resolve(const std::string& endpoint, bool encrypted);

struct Keys {
    std::string server, publics, secret;
    explicit operator bool() const { return !secret.empty(); }
};

// Read `server.key` and `CLIENT.key_secret`; empty where one is missing, damaged, or open to others.
Keys read_keys(const std::string& folder, const std::string& client);

}  // namespace legando
