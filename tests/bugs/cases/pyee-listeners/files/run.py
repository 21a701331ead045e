import pyee

emitter = pyee.EventEmitter()
emitter.on("open", print)
print(len(emitter.listeners("open")))
print(len(emitter.listeners("close")))
