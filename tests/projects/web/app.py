from flask import Flask
import redis

app = Flask(__name__)


@app.route("/")
def index():
    return "hello flask!\n"


@app.route("/cache")
def get_cache():
    cache = redis.Redis(host="myredis", port=6379)
    return f"cache connected!\n {cache.incr('check')} \n"


if __name__ == "__main__":
    app.run(host="0.0.0.0")
