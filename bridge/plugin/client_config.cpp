#include "client_config.hpp"

#ifdef _WIN32
#include <ws2tcpip.h>
#else
#include <arpa/inet.h>
#include <netinet/in.h>
#endif

#include <cstring>
#include <exception>
#include <fstream>
#include <sstream>

#include "system.hpp"

namespace legando {

namespace {

namespace fs = std::filesystem;

fs::path expand(const std::string& path)
{
    try {
        return path.rfind("~/", 0) == 0 ? home_folder() / fs::u8path(path.substr(2)) : fs::u8path(path);
    } catch (const std::exception&) {  // not UTF-8, where that matters
        return {};
    }
}

bool is_loopback(const std::string& host)
{
    in_addr four{};
    in6_addr six{};
    if (::inet_pton(AF_INET, host.c_str(), &four) == 1)
        return (ntohl(four.s_addr) >> 24) == 127;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']')
        return ::inet_pton(AF_INET6, host.substr(1, host.size() - 2).c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
    return false;
}

// The value of `NAME = "..."` in a certificate of ZeroMQ's format: 40 characters of Z85.
std::string read_key(const fs::path& path, const char* name)
{
    std::ifstream file(path);
    std::string line;
    while (std::getline(file, line)) {
        const std::size_t start = line.find_first_not_of(" \t");
        if (start == std::string::npos || line.compare(start, std::strlen(name), name) != 0)
            continue;
        const std::size_t from = line.find('"'), to = line.rfind('"');
        if (from != std::string::npos && to == from + 41)
            return line.substr(from + 1, 40);
    }
    return "";
}

}  // namespace

Config with_defaults(Config config)
{
    const auto fill = [](std::string& value, const char* variable, const char* usual) {
        if (value.empty())
            value = environment(variable);
        if (value.empty())
            value = usual;
    };
    fill(config.audio, "LEGANDO_AUDIO", kHasIpc ? "ipc://audio" : "tcp://127.0.0.1:5580");
    fill(config.control, "LEGANDO_CONTROL", kHasIpc ? "ipc://control" : "tcp://127.0.0.1:5581");
    fill(config.stream, "LEGANDO_STREAM", "main");
    fill(config.keys, "LEGANDO_KEYS", "");
    fill(config.client, "LEGANDO_CLIENT", "client");
    return config;
}

Config from_list(int number)
{
    std::ifstream file(config_folder() / "servers");
    std::string line;
    while (number > 0 && std::getline(file, line)) {
        std::istringstream words(line);
        std::string word;
        if (!(words >> word) || word[0] == '#' || --number)
            continue;
        Config config;
        std::string* const members[] = {&config.audio, &config.control, &config.stream, &config.keys, &config.client};
        for (std::string* const member : members) {
            if (word != "-")
                *member = word;
            if (!(words >> word))
                break;
        }
        return config;
    }
    return {};
}

std::string resolve(const std::string& endpoint, bool encrypted)
{
    if (endpoint.rfind("ipc://", 0) == 0) {
        std::string rest = endpoint.substr(6);
        if (!kHasIpc || rest.empty() || rest[0] == '@' || rest[0] == '*' || rest.back() == '/')
            return "";
        rest = rest.find('/') == std::string::npos ? private_folder() + "/" + rest : expand(rest).u8string();
        return rest.size() <= 107 ? "ipc://" + rest : "";
    }
    if (endpoint.rfind("tcp://", 0) == 0) {
        std::string rest = endpoint.substr(6);
        if (rest.rfind("localhost:", 0) == 0)
            rest = "127.0.0.1" + rest.substr(9);
        const std::size_t colon = rest.rfind(':');
        if (colon == std::string::npos || colon == 0)
            return "";
        const std::string port = rest.substr(colon + 1);
        if (port.empty() || port.size() > 5 || port.find_first_not_of("0123456789") != std::string::npos || std::stoi(port) < 1 || std::stoi(port) > 65535)
            return "";
        const std::string host = rest.substr(0, colon);
        if (host.find_first_of(";,/ ") != std::string::npos || (!encrypted && !is_loopback(host)))
            return "";
        return "tcp://" + rest;
    }
    return "";
}

Keys read_keys(const std::string& folder, const std::string& client)
{
    const fs::path at = expand(folder), mine = at / expand(client + ".key_secret");
    if (!is_private(mine))
        return {};
    Keys keys{read_key(at / "server.key", "public-key"), read_key(mine, "public-key"), read_key(mine, "secret-key")};
    if (keys.server.empty() || keys.publics.empty() || keys.secret.empty())
        return {};
    return keys;
}

}  // namespace legando
