//! A Redis server to be watched: with as many commands in its statistics as a server in use has. It listens on a socket, so
//! that exporters in a network of their own reach it.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use exporter_testkit::fixture::TempDir;
use exporter_testkit::process::Process;
use exporter_testkit::{tools, wait};

/// Ended with its value.
pub(super) struct Server {
    process: Process,
    dir: TempDir,
}

/// What a small program uses: fifty, with what exporters ask.
const COMMON: &str = "PING|SET a 1|GET a|MGET a b|MSET a 1 b 2|INCR n|INCRBY n 2|DECR n|APPEND s x|STRLEN s|GETRANGE s 0 1|\
    SETEX e 100 x|EXPIRE a 100|TTL a|PTTL a|PERSIST a|EXISTS a|TYPE a|DEL z|UNLINK z|KEYS x*|SCAN 0|DBSIZE|LPUSH l 1 2 3|\
    RPUSH l 4|LPOP l|RPOP l|LLEN l|LRANGE l 0 1|LINDEX l 0|HSET h f 1|HGET h f|HMGET h f|HGETALL h|HDEL h x|HLEN h|SADD t a b|\
    SREM t x|SCARD t|SMEMBERS t|SISMEMBER t a|ZADD z 1 a 2 b";

/// What a large one adds: 165 in all.
const MORE: &str = "SETNX a 1|GETSET a 1|GETDEL zz|GETEX a|INCRBYFLOAT f 1.5|DECRBY n 1|SETRANGE s 0 y|MSETNX q1 1|PSETEX e 9999 x|\
    LCS a b|EXPIREAT a 9999999999|PEXPIRE a 99999|PEXPIREAT a 9999999999999|EXPIRETIME a|PEXPIRETIME a|RENAME s s2|\
    RENAMENX s2 s|COPY a c|TOUCH a|RANDOMKEY|DUMP a|MOVE a 5|SETBIT b2 1 1|GETBIT b2 1|BITCOUNT b2|BITPOS b2 1|\
    BITOP NOT b3 b2|BITFIELD b2 GET u4 0|BITFIELD_RO b2 GET u4 0|LSET l 0 9|LINSERT l BEFORE 9 8|LREM l 0 7|\
    LTRIM l 0 9|LPUSHX l 1|RPUSHX l 1|LMOVE l l2 LEFT LEFT|RPOPLPUSH l l2|LPOS l 1|LMPOP 1 l2 LEFT|BLPOP l 1|\
    BRPOP l 1|BLMOVE l l2 LEFT LEFT 1|BRPOPLPUSH l l2 1|BLMPOP 1 1 l2 LEFT|HSETNX h g 1|HMSET h a 1|HINCRBY h f 1|\
    HINCRBYFLOAT h f 1.5|HEXISTS h f|HKEYS h|HVALS h|HSTRLEN h f|HRANDFIELD h|HSCAN h 0|HEXPIRE h 100 FIELDS 1 f|\
    HTTL h FIELDS 1 f|HPERSIST h FIELDS 1 f|HPEXPIRE h 9999 FIELDS 1 f|HPTTL h FIELDS 1 f|HEXPIRETIME h FIELDS 1 f|\
    SPOP t2|SRANDMEMBER t|SMISMEMBER t a b|SMOVE t t2 b|SDIFF t t2|SINTER t t2|SUNION t t2|SDIFFSTORE t3 t t2|\
    SINTERSTORE t3 t t2|SUNIONSTORE t3 t t2|SINTERCARD 2 t t2|SSCAN t 0|ZINCRBY z 1 a|ZSCORE z a|ZMSCORE z a b|\
    ZRANK z a|ZREVRANK z a|ZCOUNT z 0 9|ZLEXCOUNT z - +|ZRANGEBYSCORE z 0 9|ZREVRANGEBYSCORE z 9 0|ZRANGEBYLEX z - +|\
    ZREVRANGEBYLEX z + -|ZREVRANGE z 0 1|ZRANGESTORE z2 z 0 1|ZPOPMIN z2|ZPOPMAX z2|ZMPOP 1 z2 MIN|BZPOPMIN z 1|\
    ZADD z 1 a 2 b 3 c|BZPOPMAX z 1|BZMPOP 1 1 z MIN|ZADD z 1 a 2 b|ZRANDMEMBER z|ZSCAN z 0|ZDIFF 2 z z2|\
    ZINTER 2 z z2|ZUNION 2 z z2|ZDIFFSTORE z3 2 z z2|ZINTERSTORE z3 2 z z2|ZUNIONSTORE z3 2 z z2|ZINTERCARD 2 z z2|\
    ZREMRANGEBYRANK z3 0 0|ZREMRANGEBYSCORE z3 0 0|ZREMRANGEBYLEX z3 - +|PFADD p a|PFCOUNT p|PFMERGE p2 p|\
    GEOADD g 1 1 x|GEOPOS g x|GEODIST g x x|GEOHASH g x|GEOSEARCH g FROMMEMBER x BYRADIUS 1 km|\
    GEOSEARCHSTORE g2 g FROMMEMBER x BYRADIUS 1 km|GEORADIUS g 1 1 1 km|GEORADIUSBYMEMBER g x 1 km|XADD m 1-1 f v|\
    XADD m 2-1 f v";

impl Server {
    /// Starts one and uses it.
    pub(super) fn start(large: bool) -> Result<Self> {
        let dir = TempDir::new()?;
        let mut command = Command::new(tools::path("redis-server-8")?);
        command.args(["--port", "0", "--save", "", "--dir"]).arg(dir.path());
        command.arg("--unixsocket").arg(dir.path().join("redis.sock"));
        let mut process = Process::spawn(&mut command)?;
        let path = dir.path().join("redis.sock");
        process.until("the server to listen", wait::LONG, || {
            UnixStream::connect(&path)?;
            Ok(())
        })?;
        let mut stream = UnixStream::connect(&path)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let all = if large { format!("{COMMON}|{MORE}") } else { COMMON.to_owned() };
        for line in all.split('|') {
            // A command of its own each time: what one of them answers does not matter.
            stream.write_all(format!("{}\r\n", line.trim()).as_bytes())?;
        }
        stream.write_all(b"QUIT\r\n")?;
        let mut answers = Vec::new();
        stream.read_to_end(&mut answers).context("using the server to be watched")?;
        Ok(Self { process, dir })
    }
}

impl super::Watched for Server {
    fn address(&self) -> String {
        format!("unix://{}", self.dir.path().join("redis.sock").display())
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }
}
